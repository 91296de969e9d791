"""The order of messages in a conversation."""

import pytest

from merlin.core.messages import Message
from merlin.dataset.turns import check_turns

pytestmark = pytest.mark.unit


def find_rules(*turns):
    messages = [turn if isinstance(turn, Message) else Message(*turn) for turn in turns]
    marks = [(place, 5) for place in range(1, len(messages) + 1)]
    return [(turn.rule, turn.line) for turn in check_turns(messages, marks)]


SYSTEM = ("system", "Будь краток.")
ASK = ("user", "Что?")
SAY = ("assistant", "То.")
CALL = Message("assistant", "", {"tool_calls": [{"id": "1"}]})
RESULT = Message("tool", "7", {"tool_call_id": "1"})
CALLS = Message("assistant", "", {"tool_calls": [{"id": "1"}, {"id": "2"}]})
TWINS = Message("assistant", "", {"tool_calls": [{"id": "1"}, {"id": "1"}]})
OTHER_RESULT = Message("tool", "8", {"tool_call_id": "2"})


@pytest.mark.parametrize(
    "turns",
    [
        (ASK, SAY),
        (SYSTEM, ASK, SAY),
        (ASK, SAY, ASK, SAY),
        (ASK, CALLS, OTHER_RESULT, RESULT, SAY),
        (ASK, CALL, RESULT, CALL, RESULT, SAY, ASK, SAY),
        (ASK, CALL),
    ],
)
def test_turns_in_order_have_no_finding(turns):
    assert find_rules(*turns) == []


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ((ASK, SYSTEM, SAY), [("system-not-first", 2)]),
        ((SAY, ASK), [("wrong-turn", 1)]),
        ((ASK, ASK, SAY), [("wrong-turn", 2)]),
        ((ASK, SAY, SAY), [("wrong-turn", 3)]),
        ((ASK, RESULT, SAY), [("wrong-turn", 2)]),
        ((ASK, CALL, SAY), [("wrong-turn", 3)]),
        ((ASK,), [("last-not-assistant", 1)]),
        ((ASK, CALL, RESULT), [("last-not-assistant", 3)]),
        ((ASK, CALL, OTHER_RESULT, SAY), [("tool-results", 2)]),
        ((ASK, CALL, RESULT, RESULT, SAY), [("tool-results", 2)]),
        ((ASK, CALL, RESULT, CALLS, RESULT, SAY), [("tool-results", 4)]),
        ((ASK, TWINS, RESULT, RESULT, SAY), [("tool-results", 2)]),
        ((ASK, ("assistant", "")), [("empty-content", 2)]),
        ((ASK, ("assistant", "\u200b\u2800")), [("empty-content", 2)]),
        (
            (("user", ""), ("assistant", "")),
            [("empty-content", 1), ("empty-content", 2)],
        ),
    ],
)
def test_broken_turn_order_is_reported_at_its_message(turns, expected):
    assert find_rules(*turns) == expected
