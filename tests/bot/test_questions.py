"""Complete conversations with a running bot, over real HTTP to the stand-ins."""

import asyncio
from dataclasses import replace

import pytest

from merlin.app.ask import run_both
from merlin.app.inbox import Inbox, read_update
from merlin.bot.answers import PLACEHOLDER
from merlin.core.formatted_text import utf16_length
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from tests.bot.running_bot import (
    FIFTY_A_DAY,
    SYSTEM,
    RunningBot,
    answer_texts,
    ask,
    count_updates_by_state,
    hook,
    select_rows,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

MODEL = "stand-in-base"


def test_question_is_answered_by_the_serving_model_in_one_message(
    telegram, provider, anna
):
    anna.say("Что такое лоб?")
    (answer,) = telegram.answers("anna")
    assert answer.versions[0]["text"] == "…"
    assert "«Что такое лоб?»" in answer.text
    assert "[" not in answer.text
    (call,) = provider.calls("chat.create")
    assert call.body["model"] == MODEL
    assert call.body["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Что такое лоб?"},
    ]
    assert count_updates_by_state(anna.settings) == {"answered": 1}


def test_streaming_answer_grows_by_edits_that_all_differ(telegram, provider, anna):
    answer = " ".join(f"слово{n}" for n in range(400))
    provider.behave(fixed_answer=answer, piece_s=0.1)
    telegram.say("anna", "Расскажи")
    telegram.wait_for(
        lambda: any(len(message.versions) > 3 for message in telegram.answers("anna"))
    )
    provider.behave(piece_s=0.0)
    wait_until_ended(telegram, anna.settings, 1)
    (message,) = telegram.answers("anna")
    texts = [version["text"] for version in message.versions]
    assert texts[0] == "…"
    assert texts[-1] == answer
    assert all(answer.startswith(part) for part in texts[1:])
    assert {call.status for call in telegram.calls("editMessageText")} == {200}


def test_long_answer_continues_in_further_messages_without_loss(
    telegram, provider, anna
):
    code = "\n".join(f"print({n}, '😀')" for n in range(400))
    provider.behave(fixed_answer=f"Вот код:\n```python\n{code}\n```\nКонец.")
    anna.say("Код?")
    answers = answer_texts(telegram, "anna")
    assert len(answers) > 1
    assert all(utf16_length(part) <= 4096 for part in answers)
    blocks = [part.entities for part in telegram.answers("anna")]
    assert all(any(mark["type"] == "pre" for mark in marks) for marks in blocks)
    assert {mark.get("language") for marks in blocks for mark in marks} == {"python"}
    lines = [
        line
        for part in answers
        for line in part.splitlines()
        if line.startswith("print")
    ]
    assert "\n".join(lines) == code


def test_messages_are_encrypted_and_update_bodies_deleted(anna, settings, tmp_path):
    anna.say("тайное слово")
    assert select_rows(settings, "SELECT body FROM telegram_update") == [("",)]
    ((question, answer),) = select_rows(settings, "SELECT question, answer FROM turn")
    assert question.startswith("1.")
    assert answer.startswith("1.")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("merlin.db*"))
    assert "тайное слово".encode() not in stored


def test_bot_notifies_the_service_manager_of_start_life_and_stop(settings):
    with RunningBot(settings) as bot:
        wait_until(lambda: select_rows(settings, "SELECT process FROM heartbeat"))
    assert bot.notifications[0] == "READY=1"
    assert "WATCHDOG=1" in bot.notifications
    assert bot.notifications[-1] == "STOPPING=1"
    ((process, step),) = select_rows(settings, "SELECT process, step FROM heartbeat")
    assert (process, step) == ("bot", "serving")


def test_webhook_mode_reads_updates_from_the_inbox_without_polling(telegram, settings):
    hooked = hook(settings)
    raw = {
        "update_id": 7,
        "message": {
            "message_id": 1,
            "date": 0,
            "from": {
                "id": 1001,
                "is_bot": False,
                "first_name": "A",
                "language_code": "en",
            },
            "chat": {"id": 1001, "type": "private"},
            "text": "вопрос",
        },
    }
    with RunningBot(hooked), open_database(settings.database) as database:
        telegram.wait_for(lambda: telegram.calls("setWebhook"))
        database.cipher = load_or_make_key(settings.state_dir, None)
        bot_id = int(telegram.token.partition(":")[0])
        Inbox(database, bot_id).store([read_update(raw)], None)
        wait_until_ended(telegram, settings, 1)
    (call,) = telegram.calls("setWebhook")
    told = (call.body["url"], call.body["secret_token"])
    assert told == (hooked.webhook_url, hooked.webhook_secret)
    assert not telegram.calls("getUpdates")
    assert "«вопрос»" in answer_texts(telegram, "anna")[0]
    assert select_rows(settings, "SELECT language_code FROM person") == [("en",)]


def test_unreachable_user_is_not_charged(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    settings = replace(settings, plans=(FIFTY_A_DAY,))
    telegram.faults.add(Fault("sendMessage", FaultKind.STATUS, status=403))
    assert ask(telegram, settings, "вопрос") == []
    assert select_rows(settings, "SELECT state, reason FROM telegram_update") == [
        ("failed", "unreachable")
    ]
    assert select_rows(settings, "SELECT state FROM quota_use") == [("returned",)]


def test_finished_answer_waits_for_its_placeholder(telegram, provider, settings):
    telegram.faults.add(Fault("sendMessage", FaultKind.LAG, seconds=1.0))
    with RunningBot(settings):
        telegram.say("anna", "вопрос")
        telegram.wait_for(lambda: provider.calls("chat.create"))
        wait_until_ended(telegram, settings, 1)
    (answer,) = telegram.answers("anna")
    assert answer.versions[0]["text"] == PLACEHOLDER
    assert "«вопрос»" in answer.text
    assert select_rows(settings, "SELECT state FROM turn") == [("told",)]


def test_run_both_cancels_the_second_if_the_first_fails():
    ends = []

    async def breaks():
        await asyncio.sleep(0)
        raise KeyError

    async def goes_on():
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("ended")

    async def story():
        with pytest.raises(KeyError):
            await run_both(breaks(), goes_on())
        return list(ends)

    assert asyncio.run(story()) == ["ended"]
