"""Notices: to the right users, in their language, once."""

from dataclasses import replace

import pytest

from merlin.account.accounts import FIRST_ID
from merlin.account.users import Roles
from merlin.app.outbox import Outbox, OutgoingMessage, Target
from merlin.config.credentials import bot_id
from merlin.core.formatted_text import FormattedMessage
from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.db.notices import ADMINS, Notices
from tests.bot.running_bot import RunningBot, answer_texts, bot_settings, select_rows
from tests.support.ending import kill
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import start_bot

pytestmark = pytest.mark.functional

BORIS = 1002
VERA = 1003
SPENT = ("notice-answer-spent", {"provider": "p"})


@pytest.fixture
def settings(tmp_path, telegram):
    return replace(bot_settings(tmp_path, telegram), admins=(BORIS, VERA))


def add_notices(settings, *notices):
    with open_database(settings.database) as database:
        migrate(database)
        for to, key, arguments in notices:
            Notices(database).notify(to, key, arguments)


def count_notices(telegram):
    """Return how many messages boris has, and how many vera."""
    return tuple(len(answer_texts(telegram, who)) for who in ("boris", "vera"))


def test_notice_to_admins_reaches_each_of_them_once(telegram, settings):
    gone = {"provider": "engine", "model": "m"}
    add_notices(settings, (ADMINS, "notice-answer-gone", gone))
    for _ in range(2):
        with RunningBot(settings):
            telegram.wait_for(lambda: count_notices(telegram) == (1, 1))
    assert count_notices(telegram) == (1, 1)
    assert "engine" in answer_texts(telegram, "vera")[0]


def test_person_without_telegram_is_sent_nothing(telegram, settings):
    add_notices(
        settings,
        (str(FIRST_ID), "notice-unconfirmed", {"chat": "5"}),
        (ADMINS, *SPENT),
    )
    with open_database(settings.database) as database:
        Roles(database).grant(FIRST_ID, Role.ADMIN, "cli:vera")
    with RunningBot(settings):
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    assert (FIRST_ID,) not in select_rows(settings, "SELECT chat_id FROM outgoing")


def test_bot_without_a_daemon_deletes_old_rows(telegram, settings):
    add_notices(settings, ("1001", "notice-unconfirmed", {"chat": "5"}))
    with RunningBot(replace(settings, pace=replace(settings.pace, expire_s=0.05))):
        telegram.wait_for(lambda: answer_texts(telegram, "anna"))
        with open_database(settings.database) as database, database.atomic():
            database.sql("UPDATE notice SET created_at = '2026-01-01'")
        telegram.wait_for(lambda: not select_rows(settings, "SELECT id FROM notice"))


def test_admin_who_blocked_the_bot_does_not_delay_others(telegram, settings):
    telegram.block("boris")
    add_notices(settings, (ADMINS, *SPENT))
    with RunningBot(settings):
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
        telegram.wait_for(
            lambda: ("dropped",) in select_rows(settings, "SELECT state FROM outgoing")
        )
    assert answer_texts(telegram, "boris") == []


def test_unconfirmed_notice_is_repeated_with_a_mark(telegram, settings):
    telegram.faults.add(
        Fault("sendMessage", FaultKind.DROP, only={"chat_id": str(VERA)})
    )
    add_notices(settings, (ADMINS, *SPENT))
    with RunningBot(settings):
        telegram.wait_for(lambda: len(answer_texts(telegram, "vera")) == 2)
    first, again = answer_texts(telegram, "vera")
    assert again.startswith("↻")
    assert again.endswith(first)


def test_flooded_message_waits_and_is_sent_once_after_restarts(telegram, settings):
    flood = Fault(
        "sendMessage",
        FaultKind.STATUS,
        status=429,
        retry_after_s=3600,
        only={"chat_id": str(VERA)},
    )
    add_notices(settings, (ADMINS, *SPENT))
    for _ in range(2):
        telegram.faults.add(flood)
        with RunningBot(settings):
            telegram.wait_for(lambda: not telegram.faults.list_pending())
            query = f"SELECT state, tries FROM outgoing WHERE chat_id = {VERA}"  # noqa: S608 - a number
            telegram.wait_for(
                lambda query=query: select_rows(settings, query) == [("pending", 0)]
            )
    with RunningBot(settings):
        (text,) = telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    assert not text.startswith("↻")


def test_messages_refused_with_a_revoked_token_outlast_kills(
    telegram, settings, tmp_path
):
    # With a webhook, so that no poll succeeds.
    hooked = replace(
        settings, webhook_url="https://example.com/hooks/telegram", webhook_secret="s"
    )
    add_notices(settings, (str(BORIS), *SPENT))
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        edit = OutgoingMessage(
            "edit", VERA, FormattedMessage("осталось"), target=Target(edit_of=5)
        )
        Outbox(database, bot_id(settings.token)).put([edit])
    telegram.faults.add(Fault("*Message*", FaultKind.STATUS, status=401, times=None))
    for _ in range(2):
        child = start_bot(hooked, tmp_path / "log")
        step = f"SELECT step FROM heartbeat WHERE pid = {child.pid}"  # noqa: S608 - a number
        telegram.wait_for(
            lambda step=step: select_rows(settings, step) == [("telegram is down",)]
        )
        kill(child)
    telegram.faults.clear()
    with RunningBot(settings):
        telegram.wait_for(lambda: count_notices(telegram) == (1, 1))
    assert count_notices(telegram) == (1, 1)


def test_notice_whose_end_cannot_be_stored_is_in_doubt_and_repeated_with_a_mark(
    telegram, settings
):
    add_notices(settings, (str(VERA), *SPENT))
    refusal = "WHEN NEW.state = 'sent' BEGIN SELECT RAISE(ABORT, 'no'); END"
    with open_database(settings.database) as database:
        database.sql(f"CREATE TRIGGER refuse BEFORE UPDATE ON outgoing {refusal}")
    query = "SELECT state FROM outgoing"
    with RunningBot(settings):
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
        telegram.wait_for(lambda: ("unknown",) in select_rows(settings, query))
        with open_database(settings.database) as database:
            database.sql("DROP TRIGGER refuse")
        telegram.wait_for(lambda: len(answer_texts(telegram, "vera")) > 1)
        telegram.wait_for(lambda: select_rows(settings, query) == [("sent",)])
    assert answer_texts(telegram, "vera")[-1].startswith("↻")
