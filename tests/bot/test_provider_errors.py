"""What the bot says and does when its provider fails."""

import json
from dataclasses import replace

import pytest

from merlin.chat.answer import RetryPolicy
from tests.bot.running_bot import (
    FIFTY_A_DAY,
    VERA,
    RunningBot,
    add_live_model,
    answer_texts,
    ask,
    bot_settings,
    count_updates_by_state,
    russian_text,
    say_and_wait,
    select_rows,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


def test_unavailable_provider_is_reported_to_the_user_and_not_charged(
    telegram, provider, settings
):
    provider.stop()
    limited = replace(settings, plans=(FIFTY_A_DAY,))
    answers = ask(telegram, limited, "вопрос")
    assert answers == [russian_text("bot-busy")]
    # There is nothing to rate.
    assert telegram.answers("anna")[-1].keys == []
    assert count_updates_by_state(settings) == {"failed": 1}
    assert select_rows(settings, "SELECT state FROM quota_use") == [("returned",)]


def test_heartbeat_counts_rate_limit_responses(telegram, provider, bot):
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, status=429, times=2))
    telegram.faults.add(
        Fault("sendMessage", FaultKind.STATUS, status=429, retry_after_s=0)
    )
    say_and_wait(telegram, bot, "вопрос", 1)

    def told():
        ((counters,),) = select_rows(bot, "SELECT counters FROM heartbeat")
        return {
            name: n for name, n in json.loads(counters).items() if name.endswith("_429")
        }

    telegram.wait_for(lambda: told() == {"telegram_429": 1, "chat_429": 2})


def test_interrupted_stream_keeps_its_text_with_a_mark(telegram, provider, settings):
    provider.faults.add(Fault("chat.create", FaultKind.CUT))
    provider.behave(fixed_answer="Начало ответа и его конец.", piece_s=0.02)
    (answer,) = ask(telegram, settings, "вопрос")
    assert answer.startswith("Начало")
    assert answer.endswith(russian_text("bot-cut"))
    assert len(provider.calls("chat.create")) == 1


def test_repeatedly_failing_model_falls_back_and_admins_are_notified_once(
    telegram, provider, settings
):
    add_live_model(settings, "ft:failing", number=2)
    failing = {"status": 503, "times": None, "only": {"model": "ft:failing"}}
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, **failing))
    quick = replace(
        settings,
        admins=(VERA,),
        retry_policy=RetryPolicy(tries=1, busy_notice_s=3600.0),
    )
    with RunningBot(quick):
        for number in range(1, 6):
            say_and_wait(telegram, settings, f"вопрос {number}", number)
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
    *busy, third, _, last = answer_texts(telegram)
    assert busy == [russian_text("bot-busy")] * 2
    assert "«вопрос 3»" in third
    assert last.endswith(russian_text("bot-earlier", model="neurotypology-1"))
    (notice,) = answer_texts(telegram, "vera")
    assert "ft:failing" in notice


def test_general_model_answers_with_a_note_if_none_is_tuned(
    tmp_path, telegram, provider
):
    settings = bot_settings(tmp_path, telegram, provider)
    (answer,) = ask(telegram, settings, "вопрос")
    assert answer.endswith(russian_text("bot-never-tuned", model="stand-in-chat"))
    (call,) = provider.calls("chat.create")
    assert [message["role"] for message in call.body["messages"]] == ["user"]


def test_slow_model_shows_a_waiting_message(telegram, provider, settings):
    provider.behave(think_s=3600.0)
    hasty = replace(settings, retry_policy=RetryPolicy(busy_notice_s=0.1))
    with RunningBot(hasty):
        telegram.say("anna", "вопрос")
        telegram.wait_for(
            lambda: answer_texts(telegram) == [russian_text("bot-waiting")]
        )
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, settings, 1)
    (answer,) = telegram.answers("anna")
    first, second, *_ = (version["text"] for version in answer.versions)
    assert (first, second) == ("…", russian_text("bot-waiting"))
    assert "«вопрос»" in answer.text
