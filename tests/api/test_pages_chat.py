"""The chat page of a course without JavaScript: sessions are stored, answers rated."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from merlin.core.permissions import Role
from merlin.dataset.example import normalise
from merlin.dataset.files import FileIndex
from merlin.db.tables import BUILD, EXAMPLE_TEXT, MODEL, TURN
from tests.api.chat_api import TWO_A_DAY, run_chat_api
from tests.api.running_api import check_page
from tests.support.serving_models import (
    insert_commit_of_build,
    insert_example,
    insert_live_model,
)

pytestmark = pytest.mark.functional

NUMBERS = count(9001)
BORIS = 1002
CLARA = 1004
MEANT = "SELECT kind FROM wording WHERE turn_id = :turn_id"
PROPOSED = "SELECT dataset, turn_id FROM proposal"


@pytest.fixture(scope="module")
def openai_site(tmp_path_factory):
    with run_chat_api(tmp_path_factory.mktemp("openai"), plans=(TWO_A_DAY,)) as both:
        yield both


@pytest.fixture
def site(openai_site):
    return openai_site[0]


@pytest.fixture
def client(site, provider):
    """A browser of a user who has asked nothing yet."""
    provider.behave(
        fixed_answer="Граф — это *вершины* и рёбра.", extension={"known": True}
    )
    with site.browser_client(site.add_user(next(NUMBERS))) as client:
        client.headers["Accept-Language"] = "ru"
        client.follow_redirects = True
        yield client


def test_small_talk_is_answered_without_a_model_and_without_buttons(
    site, provider, client
):
    page = ask(site, client, "привет")
    (turn_id,) = read_turn_ids(page)
    assert "Здравствуйте! Задайте вопрос" in page.text
    assert 'name="again"' not in page.text
    assert f'id="up-{turn_id}"' not in page.text
    assert "Осталось 2 вопроса" in page.text
    assert provider.calls("chat.create") == []


def address(site):
    return f"/courses/{site.course_id('algorithms')}/chat"


def read_turn_ids(page):
    return [int(turn_id) for turn_id in re.findall(r'id="turn-(\d+)"', page.text)]


def ask(site, client, question="Что такое граф?", **options):
    return client.post(address(site), data={"q": question, **options})


def test_conversation_is_stored_under_its_first_question_and_continues(
    site, provider, client
):
    first = ask(site, client)
    talk = re.search(r"/chat/(\d+)$", first.url.path)[1]
    assert "Граф — это <em>вершины</em> и рёбра." in first.text
    again = ask(site, client, "А дерево?", talk=talk)
    assert again.url.path == first.url.path
    (call,) = provider.calls("chat.create")[-1:]
    assert [message["content"] for message in call.body["messages"]][-3::2] == [
        "Что такое граф?",
        "А дерево?",
    ]
    begun = client.get(address(site))
    assert read_turn_ids(begun) == []
    assert re.search(rf'/chat/{talk}"><b>Что такое граф\?</b>.*· 2 вопроса', begun.text)
    with site.browser_client(site.add_user(CLARA)) as other:
        assert other.get(first.url.path).status_code == 404
        assert (
            other.post(address(site), data={"q": "И я?", "talk": talk}).status_code
            == 404
        )
        other.post(f"{first.url.path}/delete")
    assert client.get(first.url.path).status_code == 200
    assert f"/chat/{talk}" not in client.post(f"{first.url.path}/delete").text
    assert client.get(first.url.path).status_code == 404


def test_regenerated_answer_replaces_the_first(site, provider, client):
    (first,) = read_turn_ids(ask(site, client))
    provider.behave(fixed_answer="Иначе.")
    page = client.post(address(site), data={"again": first})
    (second,) = read_turn_ids(page)
    assert second != first
    assert "Иначе." in page.text
    assert [
        message["content"]
        for message in provider.calls("chat.create")[-1].body["messages"]
    ][-1:] == ["Что такое граф?"]


def test_form_submitted_twice_asks_once(site, provider, client):
    once = re.search(r'name="once" value="([^"]+)"', client.get(address(site)).text)[1]
    before = len(provider.calls("chat.create"))
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(lambda _: ask(site, client, once=once), range(2)))
    pages.append(ask(site, client, once=once))
    assert len({page.url.path for page in pages}) == 1
    assert [read_turn_ids(page) for page in pages] == [read_turn_ids(pages[0])] * 3
    assert len(provider.calls("chat.create")) == before + 1
    assert "Остался 1 вопрос" in pages[2].text
    other = ask(site, client, "А дерево?", once=once)
    assert read_turn_ids(other) != read_turn_ids(pages[0])


def test_model_that_was_not_tested_has_no_score(site):
    insert_live_model(site.database, "untested", number=2, dataset="networks")
    untested = MODEL.model_id == "untested"
    site.database.update(MODEL, untested, questions=None, right_count=None, chrf=None)
    with site.browser_client(site.add_user(BORIS, Role.ADMIN)) as admin:
        page = admin.get("/admin/models", headers={"Accept-Language": "ru"})
    assert re.search(r"networks-2</a>.*?<dt>Тест</dt><dd>–</dd>", page.text, re.DOTALL)


def test_rating_can_be_set_and_removed(site, client):
    (turn,) = read_turn_ids(ask(site, client))
    judged = f"{address(site)}/turns/{turn}"
    up = 'name="act" value="{}" aria-pressed="{}">'
    for _ in range(2):  # a double click
        assert up.format("none", "true") in client.post(judged, data={"act": "up"}).text
    assert up.format("up", "false") in client.post(judged, data={"act": "none"}).text
    with site.browser_client(site.add_user(CLARA)) as other:
        assert other.post(judged, data={"act": "up"}).status_code == 404
    client.headers["Origin"] = "https://elsewhere.example"
    assert client.post(judged, data={"act": "up"}).status_code == 403


def add_example(database, number, question, answer):
    """Add an example to the serving build and to the dataset."""
    name = f"q{number}"
    blob = f"{number:040}"
    insert_example(database, name, dataset="algorithms", turns=(question, answer))
    search_text = f"{normalise(question)}\n{normalise(answer)}"
    database.change(
        EXAMPLE_TEXT.update({"words": search_text}).where(EXAMPLE_TEXT.digest == name)
    )
    text = f"messages:\n  - user: {question}\n  - assistant: {answer}\n"
    files = FileIndex(database)
    path = f"examples/{name}.yaml"
    files.add({blob: text})
    files.keep("algorithms", name, {**files.read_blobs("algorithms"), path: blob})


def test_chat_suggests_trained_questions_and_shows_the_source_of_an_answer(
    site, provider, client
):
    mine = BUILD.select(BUILD.id).where(BUILD.dataset == "algorithms")
    insert_commit_of_build(
        site.database, "d" * 40, "algorithms", site.database.value(mine)
    )
    for number, name in enumerate(("граф", "стек", "куча", "дек")):
        add_example(site.database, number, f"Что такое {name}?", f"Это {name}.")
    begun = client.get(address(site)).text
    offered = re.findall(r'name="near" value="([^"]+)"', begun)
    assert offered == ["Что такое дек?", "Что такое куча?", "Что такое стек?"]
    provider.behave(fixed_answer="Это дек.")
    check_page(
        client.post(address(site), data={"near": offered[0]}),
        "Готовый ответ из примера, слово в слово",
        "Откуда: пример «Что такое дек?»",
    )
    with site.browser_client(site.add_user(BORIS, Role.ADMIN)) as editor:
        editor.headers["Accept-Language"] = "ru"
        response = editor.post(address(site), data={"q": "Дек?"}, follow_redirects=True)
    assert 'examples/one?example=q3#open">«Что такое дек?»</a>' in response.text


def test_correction_reaches_editors_masked_and_with_consent(site, client):
    (turn,) = read_turn_ids(ask(site, client))

    def send(act="correct", **form):
        judged = f"{address(site)}/turns/{turn}"
        return client.post(judged, data={"act": act, **form}).text

    masked = send(answer="Пары. Мой телефон +7 916 123-45-67")
    assert "Личное скрыто: телефон." in masked
    assert "Можно ли учить модель" in masked
    assert "/privacy" not in masked
    better = "Пары. Мой телефон [телефон]"
    refused = send(answer=better)
    assert "только с вашего согласия" in refused
    assert site.database.sql(PROPOSED) == []
    # The text waits in the form of the consent, and is in its field again after it.
    assert f'name="answer" value="{better}"' in refused
    assert f"{better}</textarea>" in send("allow", doing="correct", answer=better)
    assert "Каким должен быть ответ" in send("allow", doing="correct")
    assert "Напишите, каким должен быть ответ" in send()
    assert "Ваше исправление ждёт редактора." in send(answer=better)
    assert [tuple(row) for row in site.database.sql(PROPOSED)] == [("algorithms", turn)]


def test_refused_question_is_shown_to_editors_with_consent(site, provider, client):
    nearest = "Что такое двоичный поиск?"
    extension = {"known": False, "nearest": [nearest]}
    provider.behave(fixed_answer="Не знаю.", extension=extension)
    page = ask(site, client, "Куда девать граф? Мой телефон +7 916 123-45-67")
    check_page(page, f'name="near" value="{nearest}"', "Возможно, вы имели в виду:")
    (turn,) = read_turn_ids(page)
    judged = f"{address(site)}/turns/{turn}"
    check_page(
        client.get(page.url, params={"turn": turn, "doing": "tell"}), 'value="allow"'
    )
    check_page(
        client.post(judged, data={"act": "allow", "doing": "tell"}),
        "Редакторы увидят вопрос",
    )
    assert site.database.sql(MEANT, turn_id=turn)[0].kind == "none"
    assert client.post(judged, data={"act": "tell"}).status_code == 422
    provider.behave(fixed_answer="I don't know that.", extension=extension)
    assert "Did you mean:" in ask(site, client, "Where does a graph go?").text


def test_question_is_of_none_of_the_offers_or_of_the_one_that_is_pressed(
    site, provider, client
):
    nearest = "Что такое двоичный поиск?"
    extension = {"known": False, "nearest": [nearest]}
    provider.behave(fixed_answer="Не знаю.", extension=extension)
    page = ask(site, client, "Куда девать граф?")
    (turn,) = read_turn_ids(page)
    check_page(page, 'value="neither"', "Ничего из этого")
    judged = f"{address(site)}/turns/{turn}"
    check_page(client.post(judged, data={"act": "neither"}), 'value="allow"')
    assert site.database.sql(MEANT, turn_id=turn) == []
    client.post(judged, data={"act": "allow", "doing": "tell"})
    check_page(client.post(judged, data={"act": "neither"}), "Редакторы увидят вопрос")
    assert site.database.sql(MEANT, turn_id=turn)[0].kind == "none"
    provider.behave(fixed_answer="Делит.", extension={"known": True})
    talk = re.search(r"/chat/(\d+)", page.url.path)[1]
    client.post(address(site), data={"near": nearest, "talk": talk})
    assert site.database.sql(MEANT, turn_id=turn)[0].kind == "pressed"


def test_answer_of_the_first_suggestion_has_its_own_button_on_the_page(
    site, provider, client
):
    offered = [f"Что такое метод {number}?" for number in range(6)]
    extension = {"known": False, "nearest": offered, "if_meant": True}
    provider.behave(fixed_answer="Если вы о методе 0: да.", extension=extension)
    page = ask(site, client, "Метод?")
    check_page(page, "Да, это оно", "Или одно из этих:", "Ещё вопросы")
    assert page.text.count('name="near"') == 6
    assert page.text.index(offered[4]) > page.text.index("Ещё вопросы")
    assert "Возможно, вы имели в виду:" not in page.text


def test_answer_that_a_model_composed_says_so_on_its_page(site, provider, client):
    provider.behave(
        extension={"composed": True, "composed_from": ["Что такое <граф>?"]}
    )
    page = ask(site, client, "Куда девать граф?")
    said = "Ответ составила модель по источникам: ответ на вопрос «Что такое &lt;граф&gt;?»"
    assert said in page.text


def test_exhausted_quota_stores_nothing_and_keeps_the_typed_question(site, client):
    for _ in range(2):
        page = ask(site, client)
    assert "Вопросы закончились" in page.text
    turn_count = site.database.count(TURN, TURN.id > 0)
    check_page(
        ask(site, client, "Третий?"),
        "Вопросы на сегодня закончились",
        ">Третий?</textarea>",
    )
    assert site.database.count(TURN, TURN.id > 0) == turn_count
    client.headers["Accept"] = "text/event-stream"
    response = ask(site, client, "Третий?")
    assert (response.status_code, response.text[:18]) == (422, "Вопросы на сегодня")


def test_event_stream_sends_the_answer_in_pieces(site, client):
    client.headers["Accept"] = "text/event-stream"
    text = ask(site, client).text
    assert re.match(r'data: {"turn": \d+, "talk": \d+}\n\ndata: {"text": "Граф', text)
    assert text.endswith("data: [DONE]\n\n")
