"""Sources of a grounded answer: trained examples and passages as they are in git."""

import pytest

from merlin.app.course_chat import find_starters
from merlin.app.lineage import read_questions
from merlin.chat.grounding import (
    Source,
    are_citations_complete,
    find_passage,
    find_sources,
    grounding_prompt,
    read_citations,
    source_name,
    sources_note,
)
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.dataset.passages import split_passages
from merlin.wiring.context import open_migrated_database, open_reading_context
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.integration

COURSE = """\
semester: 1
name: {ru: Проба}
materials:
  - {lesson: 1, type: lecture, title: {ru: Кучи}, text: materials/heap.md}
  - {lesson: 2, type: lab, title: {ru: Ссылка}, file_url: "https://example.com/lab.pdf"}
"""
HEAP = """\
# Кучи

Пирамида хранит наибольший элемент в корне.

Просеивание вниз возвращает порядок после удаления корня.
"""


def fetch_structures(lab):
    """Fetch a dataset with a lecture, a course and two examples."""
    lab.repository.dataset(count=30, tests=1)
    folder = lab.repository.folder / "datasets" / "trial"
    (folder / "materials").mkdir()
    (folder / "materials" / "heap.md").write_text(HEAP, "utf-8")
    (folder / "course.yaml").write_text(COURSE, "utf-8")
    lab.repository.example(
        "trial", 50, answer="Стек отдаёт последний положенный элемент."
    )
    lab.repository.commit_example(
        "trial", 51, answer="Очередь отдаёт первый.", is_test=True
    )
    lab.tick("fetch")


@pytest.fixture
def prepared():
    return fetch_structures


@pytest.fixture
def find(lab):
    """Return a function that finds the sources of a question."""

    def find_in_database(question, dataset="trial"):
        with open_migrated_database(lab.config) as database:
            return find_sources(database, dataset, question)

    return find_in_database


def test_example_is_found_by_other_forms_of_its_answers_words(find):
    first, *_ = find("Кто отдаст последние положенные элементы?")
    assert (first.number, first.text.partition("\n")[2]) == (
        1,
        "Стек отдаёт последний положенный элемент.",
    )
    assert first.question.startswith("Что значит слово номер 50")


def test_passage_is_found_with_its_paragraph(find):
    passages = [
        each for each in find("просеивания вниз после удаления") if each.material
    ]
    assert [passage.material.text for passage in passages] == ["materials/heap.md"]
    (number,) = [passage.number for passage in passages]
    cited, _ = read_citations(
        f"[{number}] Просеивание вниз возвращает порядок.", passages
    )
    assert source_name(cited[0], "en").endswith("“Кучи”, paragraph 2")


def test_passage_is_found_by_meaning_without_a_common_word(lab, find):
    lab.tick("encode")
    passages = [each for each in find("How is the order restored?") if each.material]
    assert [passage.material.text for passage in passages] == ["materials/heap.md"]


def test_neither_rejected_nor_untrained_texts_are_shown_to_those_who_ask(
    tmp_path, provider
):
    lab = Lab(tmp_path, provider.base_url)
    lab.repository.dataset(strict=True)
    lab.repository.example(
        "trial", 50, answer="Стек отдаёт последний положенный элемент."
    )
    for number in range(900, 911):  # too long for a starter
        lab.repository.example(
            "trial", number, question=f"{'Почему ' * 20}слово {number}?"
        )
    lab.repository.commit()
    lab.until_serving("trial-1")
    lab.repository.commit_example("trial", 51, question="Кого модель ещё не знает?")
    lab.tick("fetch")
    (rejected,) = lab.repository.folder.rglob("q50.yaml")
    rejected.write_text(
        "messages:\n- user: Стек или секрет?\n- assistant: Секрет.\n- user: Какой?\n",
        "utf-8",
    )
    lab.repository.commit()
    lab.tick("fetch")
    with open_reading_context(lab.config) as context:
        first, *_ = find_sources(context.db, "trial", "стек")
        starters = find_starters(
            context, ModelCatalogue(context.db).find_serving("trial")
        )
        named = read_questions(context, "trial", ["q50", "gone"])
    assert "Стек отдаёт последний положенный элемент." in first.text
    (question,) = starters
    assert named == {"q50": question}
    assert question.startswith("Что значит слово номер 50")


def test_changed_text_is_found_in_its_current_form(lab, find):
    assert not [each for each in find("бинарное дерево") if each.material]
    heap = lab.repository.folder / "datasets" / "trial" / "materials" / "heap.md"
    heap.write_text(f"{HEAP}\nБинарное дерево не длиннее логарифма.\n", "utf-8")
    lab.repository.commit()
    lab.tick("fetch")
    assert [each for each in find("бинарное дерево") if each.material]


UNRELATED = (
    "",
    "а?",
    "«»()[]*\"'",
    "xyzzy plugh",
    "и к на",
    "NEAR OR AND NOT",
    "слово" * 900,
)


def test_neither_test_examples_nor_other_datasets_nor_unrelated_examples_are_sources(
    find,
):
    assert not any("Очередь" in each.text for each in find("очередь отдаёт первый"))
    assert find("последний положенный элемент", "trial-2") == []
    for question in UNRELATED:
        assert find(question) == [], question


def test_cited_sources_are_read_from_an_answer(find):
    sources = find("последний положенный элемент слова")[:2]
    for answer, numbers, body in (
        ("[1] Стек.", [1], "Стек."),
        (" [2][1]\nСтек.", [1, 2], "Стек."),
        ("[1], [2]: Стек.", [1, 2], "Стек."),
        ("Стек [2].", [2], "Стек [2]."),
        ("[1] Стек, см. [2].", [1], "Стек, см. [2]."),
        ("[0]", [], ""),
        ("[0][1] Стек.", [], "Стек."),
        ("[0] Нет ответа, но см. [1]", [], "Нет ответа, но см. [1]"),
        ("[9] Стек.", [], "Стек."),
        ("Стек.", [], "Стек."),
        ("", [], ""),
    ):
        cited, text = read_citations(answer, sources)
        assert ([source.number for source in cited], text) == (numbers, body)


LECTURE = """\
# Библиотека

## Выдача

Книги выдают на 14 дней.

За день просрочки берут 5 рублей.

## Зал

Зал открыт с 9 до 20.

- тишина
- без еды

```python
hours = (9, 20)

print("закрыто")
```

| день | часы |
|---|---|
| воскресенье | выходной |

---

Читательский билет делают за один день: нужен паспорт.
"""


@pytest.mark.parametrize(
    ("answer", "paragraph"),
    [
        ("Книгу выдают на 14 дней.", 1),
        ("5 рублей за день просрочки.", 2),
        ("Он открыт с 9 до 20.", 3),
        ("Нужна тишина, есть нельзя: без еды.", 4),
        ('Пишут print("закрыто").', 5),
        ("В воскресенье выходной.", 6),
        ("Билет делают по паспорту.", 7),
    ],
)
def test_the_paragraph_that_holds_the_fact_is_cited(answer, paragraph):
    held = {
        each.number: passage
        for passage in split_passages(LECTURE)
        for each in passage.paragraphs
    }
    source = Source(1, held[paragraph].text, paragraphs=held[paragraph].paragraphs)
    (cited,), _ = read_citations(f"[1] {answer}", [source])
    assert [each.number for each in cited.paragraphs] == [paragraph]


def test_passage_needs_three_fifths_of_the_stems_of_the_question(lab):
    with open_migrated_database(lab.config) as database:
        for question, is_found in (
            ("просеивание вниз возвращает", True),
            ("просеивание вниз возвращает компилятор", True),
            ("просеивание вниз компилятор Фортран", False),
            ("просеивание компилятор Фортран", False),
            ("компилятор Фортран", False),
        ):
            found = find_passage(database, "trial", question)
            assert (found is not None) == is_found, question


def test_numbered_sources_are_given_to_the_model_and_named_under_its_answer():
    sources = [
        Source(1, "Где лоб?\nСверху.", question="Где лоб?"),
        Source(2, "Где виски?\nСбоку.", question="Где виски?"),
    ]
    message = grounding_prompt(sources, "ru")
    assert message.role == "system"
    assert message.content.endswith(
        "\n\n[1] Где лоб?\nСверху.\n\n[2] Где виски?\nСбоку."
    )
    names = "ответ на вопрос «Где лоб?»; ответ на вопрос «Где виски?»"
    assert sources_note(sources, "ru").endswith(f": {names}")


@pytest.mark.parametrize(
    ("answer", "is_complete"),
    [
        ("", False),
        ("[1", False),
        ("[1]", False),
        ("[1] [2", False),
        ("[1] Да", True),
        ("[1] [Да", True),
        ("Да [1]", False),
    ],
)
def test_streamed_citations_are_complete_once_the_answer_follows(answer, is_complete):
    assert are_citations_complete(answer) is is_complete
