"""The page of unanswered questions for editors: from a refused question to a draft."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from itertools import count

import pytest

from merlin.account.users import Consents
from merlin.app import feedback, sessions
from merlin.app.actor import Actor
from merlin.app.consent import CONSENT_VERSION, revoke_consent
from merlin.app.unanswered import list_unanswered
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.clock import utc_now
from merlin.core.permissions import Authority, Role
from merlin.dataset.example_file import parse_example
from merlin.dataset.files import FileIndex
from merlin.db.tables import RATING, TURN
from tests.api.running_api import ANNA, BORIS, VERA, check_page
from tests.api.staff_api import page_text, run_daemon_api

pytestmark = pytest.mark.integration

PAGE = "/datasets/trial/unanswered"
DRAFTS = "/datasets/trial/examples"
ASKED = "Что такое красно-чёрное дерево?"
OTHER = "Что такое стек вызова?"
BOT = 8
NOW = timedelta(0)
numbers = count(1)


@pytest.fixture(scope="module")
def offices(tmp_path_factory):
    with run_daemon_api(tmp_path_factory.mktemp("office")) as site:
        site.lab.until_serving("trial-1")
        yield site


@pytest.fixture
def site(offices):
    yield offices
    for table in (RATING, TURN):
        offices.database.change(table.delete())


def add_question(
    site,
    question,
    user_id=ANNA,
    *,
    is_known=False,
    rating=None,
    consents=True,
    later=NOW,
):
    """Store a question, with or without the user's consent; return the turn."""
    db = site.database
    number = next(numbers)
    sessions = Sessions(db, BOT)
    turns = Turns(db, BOT, lambda: utc_now() + later)
    session = sessions.open(ChatPlace(user_id, user_id))
    sessions.change(replace(session, dataset="trial"))
    turn = turns.ask(
        Question(session.session_id, number, user_id, question, number), number
    )
    turns.write(number, StoredAnswer("Ответ.", model_id="ft:1", known=is_known))
    turns.mark_delivered(number)
    if rating:
        Ratings(db, BOT).rate(turn.turn_id, user_id, rating)
    if consents:
        Consents(db).give(user_id, CONSENT_VERSION)
    else:
        Consents(db).revoke(user_id)
    return turn.turn_id


def count_groups(site):
    """Return how many groups wait for an editor."""
    return len(list_unanswered(site.services, Actor.operator(), "trial", "ru").groups)


def hidden_value(page, name):
    """Return the first value of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]


def test_refused_and_disliked_answers_to_one_question_form_one_group(site, vera):
    add_question(site, ASKED, consents=False)
    add_question(
        site,
        "что такое красно-черные деревья",
        BORIS,
        is_known=None,
        rating=Rating.DOWN,
    )
    add_question(site, ASKED, BORIS)
    add_question(site, "Меня зовут Борис Ёлкин, когда зачёт?", BORIS)
    add_question(site, "Мой секрет?", consents=False)
    add_question(site, "Что отвечено, то отвечено?", BORIS, is_known=True)
    text = page_text(vera.get(PAGE))
    assert text.index("когда зачёт?") < text.index(ASKED)
    for shown in (
        "не ответила 2 раза",
        "1 плохая оценка",
        "Ещё 1 вопрос задали люди, которые не разрешили",
    ):
        assert shown in text
    for hidden in ("Ёлкин", "секрет", "отвечено"):
        assert hidden not in text
    assert count_groups(site) == 2


@pytest.mark.parametrize("asked", ["а самокат?", "Приведите ещё пример!"])
def test_question_that_continues_a_conversation_is_drafted_with_the_turn_before_it(
    site, vera, asked
):
    add_question(site, "Сколько стоит велосипед? Пишите: anna@mail.ru", is_known=True)
    add_question(site, asked)
    page = vera.get(PAGE)
    texts = {
        name: unescape(hidden_value(page, f"before_{name}"))
        for name in ("question", "answer")
    }
    assert texts == {
        "question": "Сколько стоит велосипед? Пишите: [почта]",
        "answer": "Ответ.",
    }
    before = {f"before_{name}": words for name, words in texts.items()}
    draft = {"question": asked, "answer": "Две тысячи.", **before}
    assert (
        hidden_value(vera.post(DRAFTS, data={**draft, "answer": " "}), "before_answer")
        == "Ответ."
    )
    assert vera.post(DRAFTS, data=draft).status_code == 303
    site.lab.tick("changes", "fetch")
    (file,) = (
        each
        for each in FileIndex(site.database).list_files("trial")
        if asked in each.text
    )
    assert [
        (each.role, each.content) for each in parse_example(file.text).messages
    ] == [
        *(("user", texts["question"]), ("assistant", "Ответ.")),
        *(("user", asked), ("assistant", "Две тысячи.")),
    ]
    assert count_groups(site) == 0


def test_whole_question_is_listed_without_the_turn_before(site, vera):
    add_question(site, "Сколько стоит велосипед?", is_known=True)
    add_question(site, "Где купить трамвай?")
    page = vera.get(PAGE)
    assert "Где купить трамвай?" in page_text(page)
    assert "before_question" not in page.text


def test_correction_of_a_question_that_an_example_asks_alone_is_without_the_turn_before(
    site, vera
):
    add_question(site, "Сколько стоит велосипед?", is_known=True)
    turns = [
        add_question(site, name, is_known=True) for name in ("Трамвай?", "Троллейбус?")
    ]

    def turn_before(turn):
        anna = Actor.person(ANNA, Authority())
        view = sessions.get_turn(site.services, anna, turn)
        draft = feedback.draft_correction(site.services, view, "Едет по рельсам.", "ru")
        return draft.before_question, draft.before_answer

    assert turn_before(turns[0]) == ("Сколько стоит велосипед?", "Ответ.")
    vera.post(DRAFTS, data={"question": "Трамвай?", "answer": "Вагон."})
    site.lab.tick("changes", "fetch")
    assert [turn_before(turn) for turn in turns] == [("", ""), ("Трамвай?", "Ответ.")]


def test_group_becomes_an_example_and_counts_as_answered_after_the_commit(site, vera):
    add_question(site, ASKED)
    answer = "Дерево с двумя цветами.\n```python\nroot = None\n```"
    draft = {"question": "Что такое красно-чёрные деревья?", "answer": answer}
    draft["at"] = hidden_value(vera.get(PAGE), "at")
    location = vera.post(DRAFTS, data=draft).headers["location"]
    assert location.startswith(f"{PAGE}?changed=")
    page = page_text(vera.get(location))
    assert "сохраняется" in page
    assert "Без ответа 1 " not in page
    add_question(site, "Мой секрет?", VERA, consents=False)
    site.lab.tick("changes", "fetch")
    assert "Показать нечего" in page_text(vera.get(PAGE))
    # A disliked answer to a question of an example: the example is wrong.
    add_question(
        site, ASKED, is_known=True, rating=Rating.DOWN, later=timedelta(minutes=1)
    )
    page = vera.get(PAGE)
    assert "Такой пример уже есть" in page.text
    link = re.search(r'href="(/datasets/trial/examples/one[^"#]*)', page.text)[1]
    assert "Дерево с двумя цветами." in vera.get(link).text


def test_questions_beyond_the_limit_and_of_revoked_consents_are_not_listed(site, vera):
    for number in range(202):
        add_question(site, f"Что такое {number}?")
    found = list_unanswered(site.services, Actor.operator(), "trial", "ru")
    listed = [group.question for group in found.groups]
    assert (listed[0], listed[-1], found.older) == ("Что такое 201?", "Что такое 2?", 2)
    assert "2 вопроса" in page_text(vera.get(PAGE))
    revoke_consent(site.services, Actor.person(ANNA, Authority(Role.STUDENT)))
    assert count_groups(site) == 0


def test_waiting_questions_are_counted_in_the_header_on_the_board_and_on_the_tab(
    site, vera
):
    for question in (ASKED, OTHER, "Кто придумал Lisp?"):
        add_question(site, question)
    site.services.unanswered.clear()
    waiting = count_groups(site)
    page = page_text(vera.get("/teach"))
    assert f"Преподавание {waiting} , ждёт вас: {waiting}" in page
    assert f"{waiting} вопроса без ответа Проба" in page
    assert f"Без ответа {waiting} , ждёт вас: {waiting}" in page_text(vera.get(PAGE))
    # The poll of the board brings the header's count along.
    check_page(
        vera.get("/teach", params={"seen": "other"}),
        '<span id="waiting-teach" hx-swap-oob="true"> <span class="count"',
    )


def test_models_page_says_that_ratings_are_enough_to_train_on(site, vera):
    for number in range(100):
        rating = Rating.DOWN if number % 9 else Rating.UP
        add_question(site, f"Сколько будет {number}?", is_known=True, rating=rating)
    assert "recipe.method: kto" not in page_text(vera.get("/admin/models"))
    site.lab.repository.commit_dataset(
        recipe={"provider": "engine", "base_model": "tiny"}
    )
    site.lab.tick("fetch")
    text = page_text(vera.get("/admin/models"))
    assert "100 оценённых ответов могут учить следующую модель" in text


def test_question_off_topic_is_listed_no_more_until_it_is_asked_again(site, vera):
    add_question(site, "Сколько спутников у Юпитера?")
    newest = add_question(site, "Какая погода?")
    forms = [{"turn": newest}, {"turn": newest, "act": "restore"}]
    with site.browser_client(BORIS) as boris:
        assert [boris.post(PAGE, data=each).status_code for each in forms] == [404, 404]
    off = vera.post(PAGE, data=forms[0]).headers["location"]
    assert "Убрано из списка: «Какая погода?»" in page_text(vera.get(off))
    assert "погода" not in page_text(vera.get(PAGE))
    assert count_groups(site) == 1
    assert vera.post(PAGE, data=forms[1]).headers["location"] == PAGE
    assert count_groups(site) == 2
    assert "Убрано" not in page_text(vera.get(off))
    vera.post(PAGE, data=forms[0])
    add_question(site, "Какая погода?")
    assert count_groups(site) == 2
