"""Retention: what finished long ago is deleted in small batches, and the rest stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.bot_settings import BOT_ID, Settings
from merlin.app.health import list_queues
from merlin.app.outbox import Outbox, OutgoingMessage
from merlin.app.retention import WORDING_DAYS, RemovableFiles, delete_old_rows
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer, UpdateState
from merlin.config.settings import Retention
from merlin.core.clock import iso
from merlin.core.formatted_text import FormattedMessage
from merlin.db.database import open_database
from merlin.db.intents import Intents
from merlin.db.notices import Notices
from merlin.db.tables import (
    AUDIT,
    DIALOG,
    NOTICE,
    OUTGOING,
    RATING,
    SESSION,
    TELEGRAM_UPDATE,
    TURN,
)
from tests.db.pipeline_rows import BOT, make_examples
from tests.support.migrated_databases import only_sqlite
from tests.support.people import ANNA
from tests.support.pressed_wordings import add_presses

pytestmark = pytest.mark.integration

DIALOG_KEY = {"bot_id": BOT, "chat_id": ANNA, "user_id": ANNA}
DAY_S = 24 * 3600


@pytest.fixture
def old_rows(database, clock, turns, store_question):
    """Three answered turns, updates in every state, three notices, an audit entry."""
    for number in (1, 2, 3):
        store_question()
        turns.mark_delivered(number)
    Ratings(database, BOT, clock).rate(1, ANNA, Rating.UP)
    row = {
        "bot_id": BOT,
        "kind": "message",
        "chat_id": 1,
        "user_id": 1,
        "language_code": "",
    }
    row |= {"body": "", "reason": "", "received_at": iso(clock())}
    for number, state in enumerate(UpdateState):
        is_waiting = state is UpdateState.WAITING
        update_state = {
            "state": state.value,
            "finished_at": None if is_waiting else iso(clock()),
        }
        database.put(
            TELEGRAM_UPDATE.insert({**row, "update_id": number, **update_state})
        )
    notices = Notices(database, clock)
    for once in ("", "sunset:1"):
        notices.notify("1001", "notice-serving", {"build": "x"}, once)
    # No bot takes the others.
    notices.mark_handed_over(notices.list_waiting()[0].notice_id)
    notices.notify("1001", "notice-serving", {"build": "y"})
    audit = {
        "at": iso(clock()),
        "by_whom": "x",
        "action": "x",
        "target": "x",
        "arguments": "{}",
    }
    database.add(AUDIT, audit)


def test_retention_deletes_only_old_finished_rows(database, clock, old_rows):
    retention = Retention(turns_days=90, audit_days=365)
    assert delete_old_rows(database, retention, clock()) == 0
    clock.move(31 * DAY_S)
    # Three finished updates, two deleted notices and an emptied one.
    assert delete_old_rows(database, retention, clock()) == 6
    assert [row.state for row in database.rows(TELEGRAM_UPDATE.select())] == ["waiting"]
    (kept,) = database.rows(NOTICE.select())
    assert (kept.once, kept.to_whom, kept.arguments) == ("sunset:1", "", "{}")
    assert Notices(database, clock).list_waiting() == []
    assert not Notices(database, clock).notify("1001", "notice-serving", {}, "sunset:1")
    clock.move(60 * DAY_S)
    assert delete_old_rows(database, retention, clock()) == 3
    assert database.rows(RATING.select()) == []
    assert len(database.rows(SESSION.select())) == 1
    clock.move(300 * DAY_S)
    assert delete_old_rows(database, retention, clock()) == 1
    assert delete_old_rows(database, retention, clock()) == 0


def test_what_a_question_meant_is_kept_while_others_may_ask_the_same(database, clock):
    add_presses(database, "museum", "Почем?", "Сколько?", [ANNA], at=clock())
    clock.move(WORDING_DAYS * DAY_S)
    assert delete_old_rows(database, Retention(), clock()) == 0
    clock.move(1)
    assert delete_old_rows(database, Retention(), clock()) == 1


def test_queue_of_an_earlier_bot_is_not_counted_and_is_deleted_in_the_end(
    database, clock, old_rows
):
    page = FormattedMessage("Ответ.")
    Outbox(database, BOT, clock).put([OutgoingMessage("a:1", ANNA, page)])

    def count_waiting():
        queues = {queue.name: queue.waiting for queue in list_queues(database)}
        return queues["updates"], queues["letters"]

    settings = Settings(database, clock)
    for bot_id, counts in (("", (1, 1)), (str(BOT), (1, 1)), (str(BOT + 1), (0, 0))):
        settings.put(BOT_ID, bot_id)
        assert count_waiting() == counts
    settings.put(BOT_ID, str(BOT))
    clock.move(31 * DAY_S)
    delete_old_rows(database, Retention(), clock())
    assert count_waiting() == (1, 1)
    settings.put(BOT_ID, str(BOT + 1))
    assert delete_old_rows(database, Retention(), clock()) == 2
    assert (
        database.rows(TELEGRAM_UPDATE.select())
        == database.rows(OUTGOING.select())
        == []
    )


def test_turn_is_kept_only_while_its_update_waits(
    database, clock, sessions, turns, old_rows
):
    session = sessions.open(ChatPlace(ANNA, ANNA))
    # The first of the states is "waiting"; the person blocked the bot before the other answer came.
    for number in (0, 7):
        turns.ask(Question(session.session_id, number, ANNA, "Вопрос?"), None)
        turns.write(number, StoredAnswer("Ответ."))
    clock.move(91 * DAY_S)
    delete_old_rows(database, Retention(turns_days=90), clock())
    assert [row.update_id for row in database.rows(TURN.select())] == [0]


def test_zero_days_of_retention_delete_nothing(database, clock, old_rows):
    before = len(database.rows(AUDIT.select()))
    clock.move(3650 * DAY_S)
    delete_old_rows(database, Retention.model_construct(audit_days=0), clock())
    assert len(database.rows(AUDIT.select())) == before > 0


def test_retention_deletes_in_small_batches(database, clock, old_rows):
    clock.move(31 * DAY_S)
    counts = [
        delete_old_rows(database, Retention(), clock(), batch_size=2) for _ in range(3)
    ]
    assert counts == [5, 1, 0]


@only_sqlite
def test_rows_are_looked_for_without_the_write_lock_and_one_used_meanwhile_stays(
    database, clock, old_rows
):
    ((_, _, path),) = database.sql("PRAGMA database_list")
    with open_database(f"sqlite://{path}", busy_s=0.01) as beside:
        with beside.atomic():
            assert delete_old_rows(database, Retention(), clock()) == 0
        database.add(
            DIALOG, {**DIALOG_KEY, "step": "name", "said": "", "at": iso(clock())}
        )
        clock.move(31 * DAY_S)
        ran = []

        def use_again(statement):
            ran.append(statement)
            if statement.startswith("BEGIN") and 'FROM "dialog"' in ran[-2]:
                beside.update(DIALOG, DIALOG.chat_id == ANNA, at=iso(clock()))

        database._handle.connection().set_trace_callback(use_again)
        # The others of `old_rows`.
        assert delete_old_rows(database, Retention(), clock()) == 6
        database._handle.connection().set_trace_callback(None)
        assert len(database.rows(DIALOG.select())) == 1


def test_model_that_never_served_is_removed_once_and_a_serving_one_stays(world, clock):
    world.finish(world.start(1, make_examples(12)))
    world.prove()
    world.serve(2, make_examples(13))
    clock.move(DAY_S)
    rows = RemovableFiles(world.db, clock)
    assert rows.models(clock.now - timedelta(days=2)) == []
    (unserved,) = rows.models(clock.now)
    assert unserved.names == ("ft:neurotypology:1",)
    serving = world.promotions.model("ft:neurotypology:2")
    assert not rows.mark_gone(replace(unserved, model_row=serving.model_row), clock.now)
    assert rows.mark_gone(unserved, clock.now)
    states = {model.model: model.state for model in world.recent_models()}
    assert states == {"ft:neurotypology:1": "gone", "ft:neurotypology:2": "good"}
    intents = Intents(world.db)
    intents.open(unserved.key, "remove")
    assert len(rows.models(clock.now)) == 1
    intents.mark_done(unserved.key, "")
    assert rows.models(clock.now) == []
