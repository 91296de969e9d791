"""What people asked in vain: the page of a dataset's editors, from a refusal to a draft."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from merlin.account.users import Consents
from merlin.app.actor import Actor
from merlin.app.proposals import CONSENT_VERSION, revoke_consent
from merlin.chat.feedback import EditorQuestions, Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.cli import main
from merlin.core.clock import utc_now
from merlin.core.permissions import Authority, Role
from merlin.dataset.example import parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Proposals
from merlin.db.tables import DISMISSED_QUESTION, RATING, TOLD_QUESTION, TURN
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.staff_api import office

pytestmark = pytest.mark.integration

PAGE = "/datasets/trial/unanswered"
ASKED, OTHER = "Что такое красно-чёрное дерево?", "Что такое стек вызова?"
BOT, NOW = 8, timedelta(0)
numbers = count(1)


@pytest.fixture(scope="module")
def offices(tmp_path_factory):
    with office(tmp_path_factory.mktemp("office")) as site:
        site.lab.until_serving("trial-1")
        site.lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
        yield site


@pytest.fixture
def site(offices):
    yield offices
    for table in (RATING, TOLD_QUESTION, DISMISSED_QUESTION, TURN):
        offices.database.change(table.delete())
    with offices.browser(VERA) as client:
        client.post("/datasets/trial/examples/drop", data={})


@pytest.fixture
def vera(site):
    with site.browser(VERA) as client:
        client.headers["Accept-Language"] = "ru"
        yield client


def ask(site, words, user_id=ANNA, *, known=False, rating=None, consents=True, later=NOW):
    """Let somebody have asked, with or without their consent; return the turn."""
    db, number = site.database, next(numbers)
    sessions, turns = Sessions(db, BOT), Turns(db, BOT, lambda: utc_now() + later)
    session = sessions.open(ChatPlace(user_id, user_id))
    sessions.change(replace(session, dataset="trial"))
    turn = turns.ask(Question(session.session_id, number, user_id, words, number), number)
    turns.write(number, StoredAnswer("Ответ.", model_id="ft:1", known=known))
    turns.mark_delivered(number)
    if rating:
        Ratings(db, BOT).rate(turn.turn_id, user_id, rating)
    if consents:
        Consents(db).give(user_id, CONSENT_VERSION)
    else:
        Consents(db).revoke(user_id)
    return turn.turn_id


def page_text(answer):
    """Return what a page says, without its marks."""
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def hidden(page, name):
    """Return the first value of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]


def test_refusals_and_disliked_answers_of_one_question_are_one_group(site, vera):
    ask(site, ASKED, consents=False)
    ask(site, "что такое красно-черные деревья", BORIS, known=None, rating=Rating.DOWN)
    ask(site, ASKED, BORIS)
    ask(site, "Меня зовут Борис Ёлкин, когда зачёт?", BORIS)
    ask(site, "Мой секрет?", consents=False)
    ask(site, "Что отвечено, то отвечено?", BORIS, known=True)
    told = page_text(vera.get(PAGE))
    assert told.index("когда зачёт?") < told.index(ASKED)
    assert "Ёлкин" not in told
    assert "отказ 2" in told
    assert "плохо 1" in told
    assert "спросили 3 раза" in told
    assert "секрет" not in told
    assert "отвечено" not in told
    assert "Ещё 1 вопрос задали люди, которые не разрешили" in told
    assert re.search(r"Ждут 2 .*Отвечены 0 .*Отклонены 0", told)


def test_words_of_a_consent_to_corrections_alone_show_no_questions(site, vera):
    ask(site, "Мой секрет?", consents=False)
    Consents(site.database).give(ANNA, "2026-11")
    assert "секрет" not in page_text(vera.get(PAGE))
    Consents(site.database).revoke(ANNA)
    Consents(site.database).give(ANNA, CONSENT_VERSION)
    assert "секрет" in page_text(vera.get(PAGE))


def test_a_group_becomes_a_draft_and_is_answered_once_an_example_asks_so(site, vera):
    ask(site, ASKED)
    form = re.search(r'action="(/datasets/trial/examples)"', vera.get(PAGE).text)
    draft = {"question": "Что такое красно-чёрные деревья?", "answer": "Дерево с двумя цветами."}
    assert vera.post(form[1], data=draft).status_code == 303
    assert "Ждут 1" in page_text(vera.get(PAGE))
    ask(site, "Мой секрет?", VERA, consents=False)
    told = page_text(vera.post(f"{form[1]}/answers"))
    assert "Проверено на 1 последнем вопросе людей. Новых ответов: 1, пропадёт: 0" in told
    assert re.search(rf"новый ответ {re.escape(ASKED)}.*Ответа нет.*Дерево с двумя цветами", told)
    assert vera.post(f"{form[1]}/save", data={"once": "f" * 32}).status_code == 303
    site.lab.tick("changes", "fetch")
    assert "На этой неделе всё нашлось" in page_text(vera.get(PAGE))
    assert "Дерево" not in page_text(vera.get(PAGE, params={"show": "done"}))
    # An answer that is disliked although an example asks so: that example is at fault.
    ask(site, ASKED, known=True, rating=Rating.DOWN, later=timedelta(minutes=1))
    page = vera.get(PAGE)
    assert "Такой пример уже есть" in page.text
    link = re.search(r'href="(/datasets/trial/examples/one[^"#]*)', page.text)[1]
    assert "Дерево с двумя цветами." in vera.get(link).text


def test_a_dismissed_group_is_taken_back(site, vera):
    ask(site, OTHER)
    ask(site, "что такое стеки вызовов")
    mark = {"mark": hidden(vera.get(PAGE), "mark")}
    assert vera.post(f"{PAGE}/dismiss", data=mark).status_code == 303
    assert "Ждут 0" in page_text(vera.get(PAGE))
    # Whoever asks so again does not bring it back.
    ask(site, OTHER, BORIS)
    assert "Ждут 0" in page_text(vera.get(PAGE))
    assert OTHER not in str(site.database.sql("SELECT * FROM dismissed_question"))
    dismissed = vera.get(PAGE, params={"show": "dismissed"})
    vera.post(f"{PAGE}/restore", data={"mark": hidden(dismissed, "mark")})
    assert "Ждут 1" in page_text(vera.get(PAGE))
    gone = vera.post(f"{PAGE}/dismiss", data={"mark": "ab"})
    assert gone.status_code == 404


def test_what_was_told_waits_too_and_goes_with_the_consent(site, vera):
    turn = ask(site, OTHER)
    rows = EditorQuestions(site.database)
    assert rows.add(ANNA, "trial", OTHER, turn, 2)
    assert rows.add(ANNA, "trial", OTHER, turn, 2)
    assert rows.add(ANNA, "trial", "Когда экзамен?", 0, 2)
    assert not rows.add(ANNA, "trial", "И ещё?", 0, 2)
    told = page_text(vera.get(PAGE))
    assert "Когда экзамен?" in told
    assert told.count("просят ответить: 1") == 2
    assert told.count("спросили 1 раз") == 2
    assert "экзамен" not in str(site.database.sql("SELECT * FROM told_question"))
    revoke_consent(site.services, Actor.person(ANNA, Authority(Role.STUDENT)))
    assert "Ждут 0" in page_text(vera.get(PAGE))


def test_liked_answers_are_proposed_as_test_questions_once(site, capsys):
    def propose():
        capsys.readouterr()
        assert main(["proposals", "tests", "trial", "--json", "--config", str(site.lab.path)]) == 0
        return json.loads(capsys.readouterr().out)

    ask(site, "Как сложить стопку?", known=True, rating=Rating.UP)
    taught = parse_example(FileIndex(site.database).one("trial", "q3").text).question
    ask(site, taught.upper(), known=True, rating=Rating.UP)
    ask(site, "Мой секрет?", BORIS, known=True, rating=Rating.UP, consents=False)
    ask(site, "Плохо?", known=True, rating=Rating.DOWN)
    ask(site, "Не знаешь?", rating=Rating.UP)
    document = propose()
    assert (document["questions"], document["least"], document["proposed"]) == (2, 10, 1)
    assert propose()["proposed"] == 0
    (found,) = Proposals(site.database).waiting()
    assert (found.draft.question, found.draft.split) == ("Как сложить стопку?", "test")
    assert (found.user_id, found.is_persons) == (ANNA, False)
    revoke_consent(site.services, Actor.person(ANNA, Authority(Role.STUDENT)))
    assert Proposals(site.database).waiting() == []


def test_only_editors_of_the_dataset_see_it(site):
    with site.browser(ANNA) as client:
        assert client.get(PAGE).status_code in (403, 404)
        assert client.post(f"{PAGE}/dismiss", data={"mark": "ab"}).status_code in (403, 404)
