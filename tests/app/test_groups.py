"""What the bot stores of itself, the operator's own texts, and groups with named questions."""

import pytest

from merlin.app.bot_settings import (
    BOT_ID,
    BOT_NAME,
    Settings,
    bot_link,
    is_of_other_bot,
    privacy_text,
    terms_text,
)
from merlin.app.context import Context
from merlin.app.groups import Group, Groups
from merlin.app.inbox import read_owner
from merlin.app.outbox import Outbox, OutgoingMessage, OutgoingState, Target
from merlin.app.retention import delete_old_rows
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer
from merlin.config.settings import Retention
from merlin.core.formatted_text import FormattedMessage
from merlin.core.i18n import text
from merlin.db.tables import GROUP_CHAT
from tests.db.pipeline_rows import BOT
from tests.support.config import make_config
from tests.support.people import ANNA, BORIS

pytestmark = pytest.mark.integration


def make_context(database, clock, **telegram):
    return Context(config=make_config(telegram=telegram), db=database, clock=clock)


def test_setting_is_replaced_and_removed(database):
    settings = Settings(database)
    settings.put(BOT_NAME, "first_bot")
    settings.put(BOT_NAME, "second_bot")
    assert settings.get(BOT_NAME) == "second_bot"
    settings.put(BOT_NAME, "")
    assert settings.get(BOT_NAME) == ""


def test_link_opens_the_bot_if_it_is_known_and_the_payload_is_allowed(database, clock):
    ctx = make_context(database, clock, link_url="https://t.example/")
    assert bot_link(ctx, "plan_1") == ""
    Settings(database).put(BOT_NAME, "merlin_bot")
    assert bot_link(ctx, "plan_1") == "https://t.example/merlin_bot?start=plan_1"
    assert bot_link(ctx, "план 1") == ""


def test_row_is_of_another_bot_once_this_one_has_stored_its_id(database, clock):
    for bot in (6, 7, 8):
        Groups(database, bot, clock).put(Group(-4001))
    is_other = is_of_other_bot(GROUP_CHAT.bot_id)
    assert database.count(GROUP_CHAT, is_other) == 0
    Settings(database).put(BOT_ID, "7")
    others = database.rows(
        GROUP_CHAT.select().where(is_other).order_by(GROUP_CHAT.bot_id)
    )
    assert [row.bot_id for row in others] == [6, 8]


@pytest.mark.parametrize(
    ("name", "read"), [("privacy", privacy_text), ("terms", terms_text)]
)
def test_own_text_of_the_operator_replaces_the_built_in_one(
    database, clock, name, read
):
    built_in = make_context(database, clock)
    assert read(built_in, "en") == text("en", f"{name}-text")
    own = make_context(database, clock, **{name: {"ru": "Свой", "en": "Own"}})
    assert [read(own, "ru"), read(own, "en")] == ["Свой", "Own"]


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
