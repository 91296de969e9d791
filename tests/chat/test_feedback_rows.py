"""Which questions editors see, and which rated answers are trained on: each condition by itself."""

from dataclasses import replace
from datetime import date

import pytest

from merlin.account.users import Consents
from merlin.chat.feedback import QuestionStatistics, Rating, Ratings
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer
from merlin.dataset.proposals import Draft, Proposals, ProposalState
from merlin.dataset.spec import KTO, Recipe
from merlin.db.tables import CONSENT, PROPOSAL, RATING, SESSION, TURN
from tests.db.pipeline_rows import (
    BOT,
    FACE,
    PipelineRows,
    make_examples,
    make_spec,
)

pytestmark = pytest.mark.integration
ANNA = 1001
BORIS = 1002
SINCE = date(2026, 11, 1)


@pytest.fixture
def statistics(database, clock, sessions, turns):
    """Return the statistics of one question: known, answered, disliked; all consent."""
    place = sessions.open(ChatPlace(ANNA, ANNA))
    for number, text in ((1, "Что такое лоб?"), (2, "Что такое подбородок?")):
        turns.ask(Question(place.session_id, number, ANNA, text), None)
        turns.write(number, StoredAnswer("Часть лица.", model_id="ft:face", known=True))
    Ratings(database, BOT, clock).rate(2, ANNA, Rating.DOWN)
    for user_id in (ANNA, BORIS):
        Consents(database, clock).give(user_id, "1")
    database.update(SESSION, SESSION.id == place.session_id, dataset=FACE)
    return QuestionStatistics(database, "default")


def change(database, clock, table, values):
    if table is PROPOSAL:
        number = Proposals(database, clock).add(ANNA, Draft("в", "о", FACE, turn_id=2))
        database.update(PROPOSAL, PROPOSAL.id == number, **values)
    elif table is TURN:
        database.update(TURN, TURN.id == 2, **values)
    elif table is not None:
        database.update(table, table.user_id == ANNA, **values)


OLD = "2026-10-31T23:59:59.000000+00:00"
GONE = {"revoked_at": OLD}


@pytest.mark.parametrize(
    ("table", "values", "is_listed", "is_rated"),
    [
        (None, {}, True, True),
        (TURN, {"is_dismissed": 1}, False, True),
        (TURN, {"format": "photo"}, False, False),
        (TURN, {"format": "voice"}, True, True),
        (TURN, {"is_replaced": 1}, False, False),
        (TURN, {"asked_at": OLD}, False, False),
        (TURN, {"known": 0}, True, False),
        (TURN, {"known": None}, True, True),
        (TURN, {"answer": ""}, True, False),
        (TURN, {"user_id": BORIS}, True, False),  # who did not rate it
        (RATING, {"value": Rating.UP.value}, False, True),
        (RATING, {"user_id": BORIS}, True, False),
        (CONSENT, GONE, True, False),
        (CONSENT, {"given_at": None}, True, False),
        (PROPOSAL, {"state": ProposalState.WAITING.value}, False, True),
        (PROPOSAL, {"state": ProposalState.DECLINED.value}, True, True),
    ],
)
def test_answer_is_listed_and_trained_on_by_all_its_conditions(
    statistics, clock, table, values, is_listed, is_rated
):
    change(statistics.db, clock, table, values)
    listed = statistics.list_unanswered(FACE, SINCE, 9)
    assert [question.turn_id for question in listed] == [2] * is_listed
    assert len(statistics.list_rated(FACE, SINCE, "ru")) == is_rated
    assert statistics.list_unanswered("law", SINCE, 9) == []
    assert all(question.is_shown is (table is not CONSENT) for question in listed)


@pytest.mark.parametrize(
    ("table", "values", "is_found"),
    [
        (None, {}, True),
        (TURN, {"user_id": BORIS}, False),
        (TURN, {"known": 0}, False),
        (TURN, {"answer": ""}, False),
        (TURN, {"format": "photo"}, False),
        (TURN, {"is_replaced": 1}, False),
        (CONSENT, GONE, False),
    ],
)
def test_turn_before_is_the_same_persons_known_one_with_consent(
    statistics, clock, turns, sessions, table, values, is_found
):
    session = sessions.open(ChatPlace(ANNA, ANNA)).session_id
    turns.ask(Question(session, 3, ANNA, "А нос?"), None)
    change(statistics.db, clock, table, values)
    if table is TURN:
        statistics.db.update(TURN, TURN.id == 1, format="photo")
    assert (statistics.find_turn_before(3) is not None) is is_found
    assert statistics.find_turn_before(1) is None
    assert statistics.find_turn_before(99) is None


def test_asked_questions_are_each_listed_once_the_newest_first(
    statistics, clock, turns, sessions
):
    session = sessions.open(ChatPlace(ANNA, ANNA)).session_id
    for number, text in ((3, "что такое лоб"), (4, "А он зачем?")):
        turns.ask(Question(session, number, ANNA, text), None)
        turns.write(number, StoredAnswer("Часть лица.", model_id="ft:face"))
    asked = ["что такое лоб", "Что такое подбородок?"]
    listed = statistics.list_asked(FACE, SINCE, 9)
    assert [each.question for each in listed] == asked
    (newest,) = statistics.list_asked_lately(clock(), make_spec(), 1)
    assert (newest.messages[-1].content, newest.reference) == (asked[0], "Часть лица.")


def test_rated_answers_are_enough_from_a_hundred_with_ten_of_each_kind(
    statistics, database, clock, turns, sessions
):
    recipe = Recipe("engine", "qwen", method=KTO, weeks=2)
    spec = replace(make_spec(), recipe=recipe)
    PipelineRows(database, clock).push(1, make_examples(), spec=spec)
    session = sessions.open(ChatPlace(ANNA, ANNA)).session_id
    # With the one of the fixture, which is a bad one too.
    for number in range(3, 102):
        turns.ask(Question(session, number, ANNA, f"Что такое {number}?"), None)
        turns.write(number, StoredAnswer("Число.", model_id="ft:face"))
        rating = Rating.DOWN if number < 12 else Rating.UP
        Ratings(database, BOT, clock).rate(number, ANNA, rating)
    assert statistics.count_enough(FACE, clock()) == 100
    assert statistics.count_enough("law", clock()) == 0
    Ratings(database, BOT, clock).rate(2, ANNA, Rating.UP)
    assert statistics.count_enough(FACE, clock()) == 0
