"""Totals and details of turns, and the operator's texts, on SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.messages import Usage
from merlin.core.money import Cost

pytestmark = pytest.mark.integration

BOT = 8700000001


@pytest.fixture
def turns(database, clock):
    sessions = Sessions(database, BOT, clock)
    session_ids = [
        sessions.open(ChatPlace(1001, 1001, thread)).session_id for thread in (0, 7, 8)
    ]
    assert session_ids == [1, 2, 3]
    return Turns(database, BOT, clock)


def store_turn(
    turns, number, micro=0, currency="", *, session=1, user=1001, tokens=0, **options
):
    """Store an answered question; return its turn."""
    turn = turns.ask(
        Question(session, number, user, f"вопрос {number}", number, **options), None
    )
    usage = Usage(tokens, tokens)
    turns.write(
        number,
        StoredAnswer(
            f"ответ {number}", usage=usage, cost_micro=micro, currency=currency
        ),
    )
    return turn


def test_costs_are_summed_by_currency_per_session_and_day(turns, clock):
    since = clock()
    store_turn(turns, 1, 1500, "USD")
    store_turn(turns, 2, 500, "USD")
    store_turn(turns, 3, 90, "RUB")
    store_turn(turns, 4, 7, "USD", session=2)
    store_turn(turns, 5, 7, "USD", user=1002, session=3)
    store_turn(turns, 6)
    assert turns.session_costs(1) == [Cost(90, "RUB"), Cost(2000, "USD")]
    assert turns.costs_since(1001, since) == [Cost(90, "RUB"), Cost(2007, "USD")]
    assert turns.costs_since(1001, since + timedelta(days=1)) is None
    assert turns.session_costs(9) is None


def test_newest_answered_turn_shows_its_usage(turns):
    assert turns.find_newest(1) is None
    store_turn(turns, 1, tokens=5)
    second = store_turn(turns, 2)
    turns.ask(Question(1, 3, 1001, "без ответа", 3), None)
    newest = turns.find_newest(1)
    assert (newest.turn_id, newest.written.usage) == (second.turn_id, Usage())
    assert turns.count(1) == 2
