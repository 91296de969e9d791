"""Groups, their move to a supergroup, and named questions."""

import pytest

from merlin.app.groups import Group, Groups
from merlin.app.inbox import read_owner
from merlin.app.outbox import Outbox, OutgoingMessage, OutgoingState, Target
from merlin.app.retention import delete_old_rows
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer
from merlin.config.settings import Retention
from merlin.core.formatted_text import FormattedMessage
from tests.db.pipeline_rows import BOT
from tests.support.people import ANNA, BORIS

pytestmark = pytest.mark.integration

OLD = -4001
NEW = -1001004001


@pytest.fixture
def groups(database, clock):
    return Groups(database, BOT, clock)


def store_answer(turns, session_id, number, user_id, asker="", text="вопрос"):
    turns.ask(
        Question(session_id, number, user_id, f"{text} {number}", number, asker=asker),
        5,
    )
    turns.write(number, StoredAnswer(f"ответ {number}"))
    turns.mark_delivered(number)


def test_group_is_known_for_thirty_days_after_the_bot_left(groups, database, clock):
    groups.put(Group(OLD))
    groups.mark_left(OLD)
    clock.move(29 * 24 * 3600)
    delete_old_rows(database, Retention(), clock())
    assert groups.get(OLD) == Group(OLD, is_gone=True)
    groups.mark_left(OLD)
    clock.move(2 * 24 * 3600)
    delete_old_rows(database, Retention(), clock())
    assert groups.get(OLD) is None


def test_group_move_takes_sessions_and_waiting_messages(
    groups, sessions, turns, database
):
    groups.put(Group(OLD))
    session = sessions.open(ChatPlace(OLD, ANNA))
    store_answer(turns, session.session_id, 1, ANNA)
    outbox = Outbox(database, BOT)
    sent, waiting = outbox.put(
        [
            OutgoingMessage(key, OLD, FormattedMessage("слова"), None, Target(3, 4, 5))
            for key in ("sent", "waits")
        ]
    )
    outbox.begin(sent.outgoing_id, read_owner())
    outbox.settle(sent.outgoing_id, OutgoingState.SENT, 9)
    for _ in range(2):
        groups.move(OLD, NEW)
        assert groups.get(NEW) == Group(NEW)
        assert groups.get(OLD) == Group(OLD, moved_to=NEW, is_gone=True)
        assert sessions.open(ChatPlace(NEW, BORIS)).session_id == session.session_id
    turn = turns.get(1)
    assert (turn.placeholder_id, turn.question.message_id) == (None, 0)
    (message,) = [row.message for row in outbox.list_unprompted(read_owner(), 9)]
    assert (message.key, message.chat_id, message.page.text) == ("waits", NEW, "слова")
    assert message.target == Target()
    assert waiting.message.target == Target(3, 4, 5)


@pytest.mark.parametrize("is_used", [True, False])
def test_used_session_of_the_supergroup_stays_open_and_an_empty_one_is_replaced(
    groups, sessions, turns, is_used
):
    old = sessions.open(ChatPlace(OLD, ANNA))
    store_answer(turns, old.session_id, 1, ANNA)
    sessions.touch(old.session_id, "лоб")
    new = sessions.open(ChatPlace(NEW, ANNA))
    if is_used:
        store_answer(turns, new.session_id, 2, ANNA)
    groups.put(Group(NEW))
    groups.move(OLD, NEW)
    opened = sessions.open(ChatPlace(NEW, ANNA)).session_id
    assert opened == (new if is_used else old).session_id
    assert sessions.find(ChatPlace(NEW, ANNA), old.session_id) is not None


def test_questions_carry_names_once_several_people_ask(sessions, turns, database):
    session = sessions.open(ChatPlace(OLD, ANNA)).session_id
    store_answer(turns, session, 1, ANNA, "Анна")
    assert next(turn.content for turn in turns.read_history(session, 9)) == "вопрос 1"
    assert turns.read_history(session, 9, asker=ANNA)[0].content == "вопрос 1"
    assert turns.read_history(session, 9, asker=BORIS)[0].content == "Анна: вопрос 1"
    store_answer(turns, session, 2, BORIS, "Борис")
    contents = [
        turn.content for turn in turns.read_history(session, 9) if turn.role == "user"
    ]
    assert contents == ["Анна: вопрос 1", "Борис: вопрос 2"]
    assert turns.askers(session) == {ANNA, BORIS}
    assert turns.get(1).question.text == "вопрос 1"
    assert "Анна" not in str(database.sql("SELECT asker FROM turn"))
