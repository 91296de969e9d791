"""Errors of Telegram, the provider and users, and the messages users get."""

import json
import logging
import re
import time
from dataclasses import replace

import pytest
import structlog

from merlin.app.inbox import Inbox, Update
from merlin.core.errors import ConfigError
from merlin.core.log import set_up_logging
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.running_bot import (
    QUICK,
    VERA,
    RunningBot,
    answer_texts,
    ask,
    call_bot_api,
    count_updates_by_state,
    hook,
    russian_text,
    say_and_wait,
    select_rows,
    send_at,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional

TOKEN_LIKE = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
# How many messages each text names as refused.
REFUSALS = {
    russian_text("bot-queue-full", count=count): count for count in range(1, 15)
}


FAULTS = (
    Fault("editMessageText", FaultKind.STATUS, status=429, retry_after_s=1),
    Fault("editMessageText", FaultKind.STATUS, status=500, times=3),
    Fault("editMessageText", FaultKind.DONE_STATUS, status=502),
    Fault("editMessageText", FaultKind.DROP),
    Fault("editMessageText", FaultKind.REFUSE, times=2),
    Fault("getUpdates", FaultKind.DROP),
    Fault("getUpdates", FaultKind.DONE_STATUS, status=500, times=2),
)


def test_one_whole_answer_is_sent_despite_telegram_errors(telegram, bot):
    for number, fault in enumerate(FAULTS, 1):
        telegram.faults.add(fault)
        say_and_wait(telegram, bot, f"вопрос {number}", number)
        answers = answer_texts(telegram)
        assert (len(answers), f"«вопрос {number}»" in answers[-1]) == (
            number,
            True,
        ), fault


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP, FaultKind.DONE_STATUS, FaultKind.STATUS]
)
def test_unconfirmed_placeholder_leaves_at_most_one_extra_message(
    telegram, settings, kind
):
    telegram.faults.add(Fault("sendMessage", kind, status=500))
    *orphans, answer = ask(telegram, settings, "вопрос")
    assert "«вопрос»" in answer
    assert orphans == [] if kind is FaultKind.STATUS else ["…"]


def test_last_part_unconfirmed_twice_is_dropped_and_admins_are_notified(
    telegram, provider, settings
):
    # Long code is no rich message.
    provider.behave(fixed_answer=f"```\n{'слово ' * 1000}\n```")
    telegram.faults.add(
        Fault("sendMessage", FaultKind.DROP, skip=1, times=2, only={"chat_id": "1001"})
    )
    with RunningBot(replace(settings, admins=(VERA,))):
        telegram.say("anna", "вопрос")
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
        wait_until_ended(telegram, settings, 1)
    assert len(answer_texts(telegram)) == 3
    assert select_rows(settings, "SELECT state, reason FROM telegram_update") == [
        ("failed", "unconfirmed")
    ]
    assert "не подтвердил" in answer_texts(telegram, "vera")[0]


def test_rate_limited_chat_does_not_delay_others(telegram, settings):
    flood = Fault(
        "sendMessage",
        FaultKind.STATUS,
        status=429,
        retry_after_s=3600,
        only={"chat_id": "1001"},
    )
    telegram.faults.add(flood)
    with RunningBot(replace(settings, pace=replace(QUICK, finish_s=0.1))):
        telegram.say("anna", "вопрос")
        telegram.wait_for(lambda: not telegram.faults.list_pending())
        telegram.say("boris", "вопрос")
        telegram.wait_for(
            lambda: any("«вопрос»" in text for text in answer_texts(telegram, "boris"))
        )
        assert answer_texts(telegram) == []
    # The next bot has no flood limit to wait for.
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 2)
    assert "«вопрос»" in answer_texts(telegram)[0]


def test_blocked_bot_drops_waiting_messages_and_answers_after_unblocking(telegram, bot):
    say_and_wait(telegram, bot, "первый", 1)
    telegram.block("anna")
    say_and_wait(telegram, bot, "второй", 3)
    telegram.block("anna", blocked=False)
    say_and_wait(telegram, bot, "третий", 5)
    assert select_rows(
        bot, "SELECT reason FROM telegram_update WHERE state = 'failed'"
    ) == [("unreachable",)]
    assert "«третий»" in answer_texts(telegram)[-1]


def test_deleted_placeholder_is_replaced_by_a_new_message(telegram, provider, bot):
    provider.behave(think_s=3600.0)
    telegram.say("anna", "вопрос")
    (placeholder,) = telegram.wait_for(lambda: telegram.answers("anna"))
    telegram.delete("anna", placeholder.message_id)
    provider.behave(think_s=0.0)
    wait_until_ended(telegram, bot, 1)
    (answer,) = answer_texts(telegram)
    assert "«вопрос»" in answer


def read_step(settings):
    """Return what the bot's heartbeat says that it does, "" before the first."""
    steps = select_rows(settings, "SELECT step FROM heartbeat WHERE process = 'bot'")
    return steps[0][0] if steps else ""


def test_second_poller_makes_the_bot_wait_and_notify_admins(telegram, settings):
    telegram.faults.add(Fault("getUpdates", FaultKind.STATUS, status=409, times=None))
    with RunningBot(replace(settings, admins=(VERA,))):
        telegram.wait_for(lambda: read_step(settings) == "updates go elsewhere")
        telegram.faults.clear()
        telegram.wait_for(lambda: read_step(settings) == "serving")
        say_and_wait(telegram, settings, "вопрос", 1)
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    (text,) = answer_texts(telegram, "vera")
    assert "токеном" in text
    assert not telegram.calls("deleteWebhook")


def test_replaced_webhook_is_noticed_and_never_taken_back(telegram, settings):
    hooked = hook(settings)
    with RunningBot(replace(hooked, admins=(VERA,))):
        telegram.wait_for(lambda: telegram.calls("getWebhookInfo"))
        assert read_step(settings) == "serving"
        call_bot_api(telegram, "deleteWebhook")
        telegram.wait_for(lambda: read_step(settings) == "updates go elsewhere")
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
        assert len(telegram.calls("setWebhook")) == 1
        call_bot_api(telegram, f"setWebhook?url={hooked.webhook_url}")
        telegram.wait_for(lambda: read_step(settings) == "serving")
    (text,) = answer_texts(telegram, "vera")
    assert "перезапустите бота" in text


def test_polling_after_own_webhook_deletes_it_and_keeps_the_messages(
    telegram, settings
):
    hooked = hook(settings)
    with RunningBot(hooked):
        telegram.wait_for(lambda: telegram.calls("setWebhook"))
    telegram.say("anna", "вопрос")
    with RunningBot(replace(settings, admins=(VERA,))):
        wait_until_ended(telegram, settings, 1)
        # Another program's webhook stays.
        call_bot_api(telegram, f"setWebhook?url={hooked.webhook_url}/other")
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    assert "«вопрос»" in answer_texts(telegram)[-1]
    assert len(telegram.calls("deleteWebhook")) == 1


def test_telegram_outage_loses_no_message_and_is_logged_once(telegram, bot, logs):
    say_and_wait(telegram, bot, "до", 1)
    telegram.stop()
    telegram.say("anna", "во время")
    telegram.wait_for(
        lambda: any(log["event"] == "telegram does not answer" for log in logs)
    )
    telegram.start()
    wait_until_ended(telegram, bot, 2)
    events = [log["event"] for log in logs]
    assert events.count("telegram does not answer") == 1
    assert events.count("telegram answers again") == 1
    assert "«во время»" in answer_texts(telegram)[-1]


def test_invalid_token_stops_the_bot_with_a_config_error(settings):
    wrong = replace(settings, token="123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    with pytest.raises(ConfigError, match="token"), RunningBot(wrong):
        pass


def test_flooding_user_is_told_how_many_were_refused_and_delays_nobody(
    telegram, provider, settings
):
    def told():
        return [REFUSALS[text] for text in answer_texts(telegram) if text in REFUSALS]

    with RunningBot(settings):
        say_and_wait(telegram, settings, "первый вопрос", 1, who="boris")
        provider.behave(think_s=3600.0)
        # Of a time to come: on a busy machine these would be late, and wait.
        send_at(
            telegram, time.time() + 3600, *(f"вопрос {number}" for number in range(20))
        )
        telegram.say("boris", "вопрос")
        telegram.wait_for(
            lambda: count_updates_by_state(settings).get("refused", 0) == 14
        )
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, settings, 22)
        telegram.wait_for(lambda: sum(told()) == 14)
    assert len(told()) <= 2
    assert "«вопрос»" in answer_texts(telegram, "boris")[1]


def test_updates_delivered_again_are_answered_once(telegram, settings):
    # The response with the batch was lost, so Telegram sends it again.
    telegram.faults.add(Fault("getUpdates", FaultKind.LAG, seconds=0.1, times=2))
    telegram.faults.add(Fault("getUpdates", FaultKind.CUT, times=2))
    answers = ask(telegram, settings, "первый", "второй")
    assert ["«первый»" in answers[0], "«второй»" in answers[1], len(answers)] == [
        True,
        True,
        2,
    ]


@pytest.mark.parametrize(
    ("method", "skip"), [("editMessageText", 0), ("sendMessage", 1)]
)
def test_answer_whose_entities_are_refused_shows_its_addresses(
    telegram, provider, settings, method, skip
):
    lines = [f"[Лекция {n}](https://lectures.example.org/{n})" for n in range(101)]
    provider.behave(fixed_answer="\n".join(lines))
    telegram.faults.add(Fault(method, FaultKind.STATUS, status=400, skip=skip))
    first, second = ask(telegram, settings, "вопрос")
    shown = first if method == "editMessageText" else second
    assert " (https://lectures.example.org/" in shown


def test_handler_that_fails_twice_sends_an_apology(telegram, settings):
    # Each attempt edits twice: with entities, and without them.
    telegram.faults.add(Fault("editMessageText", FaultKind.STATUS, status=400, times=4))
    assert ask(telegram, settings, "вопрос") == ["…", russian_text("bot-failed")]
    assert count_updates_by_state(settings) == {"failed": 1}


def test_text_that_cannot_be_decrypted_is_reported_and_stops_nothing_else(
    telegram, settings
):
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        bot_id = int(telegram.token.partition(":")[0])
        update = Update(7, "message", 1001, 1001, "ru", {"update_id": 7, "message": {}})
        Inbox(database, bot_id).store([update], None)
        database.sql("UPDATE telegram_update SET body = body || 'A'")
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 1)
        say_and_wait(telegram, settings, "второй", 2)
    assert answer_texts(telegram)[0] == russian_text("bot-failed")
    assert "«второй»" in answer_texts(telegram)[-1]


def test_log_contains_no_token(telegram, settings, capfd):
    before = logging.getLogger().handlers[:]
    try:
        set_up_logging("bot", logging.DEBUG)
        telegram.faults.add(Fault("*", FaultKind.DROP, skip=3, times=3))
        telegram.faults.add(Fault("*", FaultKind.STATUS, status=500, skip=2, times=2))
        ask(telegram, settings, "вопрос")
    finally:
        logging.basicConfig(handlers=before, level=logging.WARNING, force=True)
        structlog.reset_defaults()
    captured = capfd.readouterr()
    assert "bot started" in captured.err
    assert not TOKEN_LIKE.search(captured.err + captured.out)
    assert all(
        json.loads(line) for line in captured.err.splitlines() if line.startswith("{")
    )


def test_locked_database_loses_no_update(telegram, settings):
    with RunningBot(settings), open_database(settings.database) as other:
        with other.atomic():
            telegram.say("anna", "вопрос")
            telegram.wait_for(lambda: telegram.calls("getUpdates"))
        wait_until_ended(telegram, settings, 1)
    assert "«вопрос»" in answer_texts(telegram)[0]


def test_bot_to_which_telegram_does_not_tell_its_name_serves_and_learns_it_later(
    telegram, settings
):
    telegram.faults.add(Fault("getMe", FaultKind.STATUS, status=500, times=None))
    with RunningBot(settings):
        say_and_wait(telegram, settings, "вопрос", 1)
        # In a group its name decides who is asked.
        telegram.say("boris@study", f"@{BOT_NAME} вопрос")
        wait_until_ended(telegram, settings, 2)
        assert telegram.answers("study") == []
        telegram.faults.clear()
        told = "SELECT value FROM setting WHERE name = 'bot.name'"
        telegram.wait_for(lambda: select_rows(settings, told))
        telegram.say("boris@study", f"@{BOT_NAME} вопрос")
        wait_until_ended(telegram, settings, 3)
    assert "«вопрос»" in answer_texts(telegram)[0]
    assert "«вопрос»" in telegram.answers("study")[0].text
