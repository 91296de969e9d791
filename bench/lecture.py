"""Measure a lecture of 300 pages as a source: how long it is read, and whether its pages are found.

`python -m bench lecture` draws the lecture with Chromium: tables, and each third page in two
columns. Thirty devices have ten pages each, one for an aspect; each number stands on one page. The
pages of an aspect have the same words but for the device, so that only both together lead to one.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, getrusage

from playwright.sync_api import sync_playwright

from merlin.chat.grounding import find_sources
from merlin.course.catalogue import Catalogue
from merlin.course.documents import READING_S, read_document, split_text
from merlin.course.editing import write_course
from merlin.dataset.files import FileIndex
from merlin.dataset.preview import check_files
from merlin.db.database import Database, open_database
from merlin.db.migrations import migrate
from merlin.db.search_index import SearchIndex, encode_entry
from merlin.git.source import blob_id
from merlin.providers.documents import ChildReader
from tests.browser.installed_chromium import ARGUMENTS, CHROMIUM

QUESTIONS = 30

DEVICES = (
    ("центробежный насос", "центробежного насоса"),
    ("шаровой кран", "шарового крана"),
    ("песчаный фильтр", "песчаного фильтра"),
    ("мембранный бак", "мембранного бака"),
    ("водонапорный узел", "водонапорного узла"),
    ("обратный клапан", "обратного клапана"),
    ("скважинный насос", "скважинного насоса"),
    ("угольный адсорбер", "угольного адсорбера"),
    ("ультрафиолетовый стерилизатор", "ультрафиолетового стерилизатора"),
    ("ионообменный умягчитель", "ионообменного умягчителя"),
    ("турбинный счётчик", "турбинного счётчика"),
    ("редуктор давления", "редуктора давления"),
    ("дозатор хлора", "дозатора хлора"),
    ("аэрационный бассейн", "аэрационного бассейна"),
    ("вторичный отстойник", "вторичного отстойника"),
    ("ленточный пресс", "ленточного пресса"),
    ("барабанная решётка", "барабанной решётки"),
    ("песколовка", "песколовки"),
    ("жироуловитель", "жироуловителя"),
    ("воздуходувка", "воздуходувки"),
    ("пожарный гидрант", "пожарного гидранта"),
    ("теплообменник", "теплообменника"),
    ("градирня", "градирни"),
    ("дренажный колодец", "дренажного колодца"),
    ("гидроаккумулятор", "гидроаккумулятора"),
    ("озонатор", "озонатора"),
    ("магнитный расходомер", "магнитного расходомера"),
    ("поплавковый уровнемер", "поплавкового уровнемера"),
    ("компенсатор удлинений", "компенсатора удлинений"),
    ("обессоливающая установка", "обессоливающей установки"),
)
# Heading; what the page says, of a device (nominative, genitive) and three numbers; a question.
ASPECTS = (
    (
        "Назначение",
        "{0} рассчитан на {2} жителей посёлка.",
        "На сколько жителей рассчитан {0}?",
    ),
    (
        "Устройство",
        "Корпус {1} состоит из {2} секций.",
        "Из скольких секций состоит корпус {1}?",
    ),
    ("Материалы", "Стенка {1} имеет толщину {2} мм.", "Какова толщина стенки {1}?"),
    ("Монтаж", "Фундамент {1} твердеет {2} часов.", "Сколько твердеет фундамент {1}?"),
    (
        "Наладка",
        "При пуске {1} расход поднимают до {2} л/с.",
        "До какого расхода доводят пуск {1}?",
    ),
    (
        "Обслуживание",
        "Прокладки {1} меняют раз в {2} дней.",
        "Как часто меняют прокладки {1}?",
    ),
    (
        "Неисправности",
        "Вибрация {1} свыше {2} мкм значит износ.",
        "Какая вибрация {1} означает износ?",
    ),
    (
        "Безопасность",
        "Ближе {2} м к {1} не подходят без каски.",
        "На каком расстоянии от {1} нужна каска?",
    ),
    (
        "Стоимость",
        "Год содержания {1} обходится в {2} тысяч.",
        "Во сколько обходится содержание {1} за год?",
    ),
    (
        "История",
        "Первый образец {1} испытали в {2} году.",
        "В каком году испытали первый образец {1}?",
    ),
)
_FILLER = (
    "Оператор записывает показания в журнал смены и сверяет их с паспортом изделия.",
    "Если показания расходятся, смену не сдают, пока причина не найдена и не устранена.",
    "Инструмент хранят в закрытом шкафу, а ключ от него находится у мастера участка.",
    "Перед началом работ участок ограждают и вывешивают предупреждающие таблички.",
    "Результаты испытаний подписывают двое: тот, кто измерял, и тот, кто проверял.",
    "Воду из линии спускают медленно, чтобы осадок не попал в соседние ветви сети.",
    "Запасные части заказывают заранее, потому что поставка занимает несколько недель.",
    "Новичок работает рядом с наставником, пока не сдаст зачёт по этому разделу.",
)
_PAGE = "<section><h{level}>{heading}</h{level}>{body}</section>"
_STYLE = (
    "<style>@page{size:A4;margin:20mm}section{break-after:page;font:11pt/1.4 'DejaVu Serif',serif}"
    "h1{font-size:20pt}h2{font-size:15pt}.two{columns:2;column-gap:10mm}"
    "table{border-collapse:collapse}td,th{border:1px solid #000;"
    "padding:2mm 5mm;text-align:left}</style>"
)


def write_lecture() -> tuple[str, list[tuple[str, int, str]]]:
    """Return the lecture as HTML, and questions with the page and the number that answers."""
    chance = Random(91)  # noqa: S311 - the same lecture each time
    numbers = chance.sample(range(1000, 9999), len(DEVICES) * len(ASPECTS) * 5)
    pages = list[str]()
    questions = list[tuple[str, int, str]]()
    for named, of in DEVICES:
        for at, (aspect, fact, question) in enumerate(ASPECTS):
            number = numbers.pop()
            filler = [chance.choice(_FILLER) for _ in range(12)]
            said = fact.format(named, of, number)
            filler[chance.randrange(12)] = said[:1].upper() + said[1:]
            texts = [" ".join(filler[start : start + 3]) for start in range(0, 12, 3)]
            body = "".join(f"<p>{each}</p>" for each in texts)
            if at % 3 == 1:
                body = f"<div class=two>{body}</div>"
            if at % 4 == 2:
                body += _write_table([numbers.pop() for _ in range(4)])
            heading = f"{aspect} {of}"
            pages.append(_PAGE.format(level=2 if at else 1, heading=heading, body=body))
            questions.append((question.format(named, of), len(pages), str(number)))
    asked = chance.sample(questions, QUESTIONS)
    return f"<meta charset=utf-8>{_STYLE}{''.join(pages)}", asked


def _write_table(numbers: list[int]) -> str:
    rows = zip(("Летний режим", "Зимний режим"), numbers[:2], numbers[2:], strict=True)
    cells = "".join(
        f"<tr><td>{name}</td><td>{low}</td><td>{high}</td></tr>"
        for name, low, high in rows
    )
    return f"<table><tr><th>Режим</th><th>Наименьшее</th><th>Наибольшее</th></tr>{cells}</table>"


def draw_lecture(html: str) -> bytes:
    """Return a page as a PDF file."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS])
        page = browser.new_page()
        page.set_content(html)
        content: bytes = page.pdf(prefer_css_page_size=True)
        browser.close()
    return content


def _index(database: Database, parts: list[str]) -> None:
    """Record a course that has these texts as lectures."""
    paths = {f"materials/part-{at}.md": part for at, part in enumerate(parts)}
    materials = [
        {"lesson": 1, "type": "lecture", "title": {"ru": path}, "text": path}
        for path in paths
    ]
    course = {"semester": 1, "name": {"ru": "Вода"}, "materials": materials}
    recipe = "recipe: {provider: engine, base_model: recall}"
    texts = {
        **paths,
        "course.yaml": write_course(course),
        "dataset.yaml": f"title: {{ru: Вода}}\nsystem: Отвечай кратко.\n{recipe}\n",
    }
    blobs = {path: blob_id(text) for path, text in texts.items()}
    files = FileIndex(database)
    files.add({blobs[path]: text for path, text in texts.items()})
    files.keep("water", "tree", blobs)
    Catalogue(database).index(
        {"water": check_files("water", files.list_files("water"))}
    )
    index = SearchIndex(database)
    index.store_vectors(
        (number, encode_entry(text)) for number, text in index.list_unencoded(100_000)
    )


def run() -> None:
    """Print the seconds of reading, and for how many questions the right page is cited."""
    html, questions = write_lecture()
    content = draw_lecture(html)
    before = getrusage(RUSAGE_CHILDREN).ru_utime
    began = time.monotonic()
    document = asyncio.run(
        read_document(content, "lecture.pdf", ChildReader(wall_s=READING_S))
    )
    took = time.monotonic() - began
    used = getrusage(RUSAGE_CHILDREN).ru_utime - before
    print(f"{len(content):,} bytes read in {took:.1f} s, {used:.1f} s of the processor")
    print("\n".join(document.notes("en")))
    numbers = [number for _, _, number in questions]
    print(f"numbers kept: {sum(each in document.markdown for each in numbers)}")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{Path(folder) / 'merlin.db'}"
        with open_database(url) as database:
            migrate(database)
            _index(database, split_text(document.markdown))
            print(
                f"right page cited: {_count_found(database, questions)} of {QUESTIONS}"
            )


def _count_found(database: Database, questions: list[tuple[str, int, str]]) -> int:
    found = 0
    for question, page, number in questions:
        sources = find_sources(database, "water", question)
        cited = [each.cited_for(question).paragraphs[0].page for each in sources]
        has_number = any(number in each.text for each in sources)
        found += page in cited
        if page not in cited or not has_number:
            print(
                f"  {question} page {page}, cited {cited}, with {number}: {has_number}"
            )
    return found
