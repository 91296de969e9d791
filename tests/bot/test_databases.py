"""The running bot behaves the same on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    answer_texts,
    bot_settings,
    count_updates_by_state,
    select_rows,
)
from tests.support.forked_processes import start_bot, wait_for_exit
from tests.support.plan_config import make_plans
from tests.support.waiting import longest

pytestmark = pytest.mark.integration

QUESTION = "Что значит лоб?"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path, telegram, provider):
    base = bot_settings(tmp_path, telegram, provider)
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        base = replace(base, database=server.reset())
    add_live_model(base, "stand-in-base")
    return base


def wait_until_ended(telegram, settings, count):
    telegram.wait_for(
        lambda: (
            "waiting" not in (states := count_updates_by_state(settings))
            and sum(states.values()) == count
        ),
        20,
    )


def test_answers_stream_and_sessions_are_listed_and_deleted(telegram, provider, settings):
    provider.behave(fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.1)
    with RunningBot(settings):
        talk = ChatUser(telegram, settings)
        telegram.say("anna", QUESTION)
        telegram.wait_for(
            lambda: any(len(message.versions) > 3 for message in telegram.answers("anna"))
        )
        provider.behave(piece_s=0.0)
        wait_until_ended(telegram, settings, 1)
        assert talk.last.text.endswith("слово399")
        talk.say("А дальше?")
        talk.say("/new")
        talk.say("Второй разговор")
        talk.say("/sessions")
        talk.press(talk.find_button(QUESTION))
        talk.press(talk.button_data("session-drop"))
        talk.press(talk.button_data("session-dropped"))
        talk.say("/sessions")
        assert not any(QUESTION in label for label in talk.labels)
    sizes = [len(call.body["messages"]) for call in provider.calls("chat.create")]
    assert sizes == [2, 4, 2]
    assert count_updates_by_state(settings) == {"answered": 9}


def test_plan_charges_returns_and_refuses_questions(telegram, provider, settings):
    plans = make_plans({"free": {"title": {"ru": "Даром", "en": "Free"}, "text": {"day": 2}}})
    limited = replace(settings, plans=tuple(plans))
    with RunningBot(limited):
        for number in range(4):
            telegram.say("anna", f"Вопрос {number}")
        wait_until_ended(telegram, limited, 4)
    assert len(provider.calls("chat.create")) == 2
    assert count_updates_by_state(limited) == {"answered": 2, "refused": 2}
    charged = select_rows(limited, "SELECT COUNT(*) FROM quota_use WHERE state = 'charged'")
    assert charged == [(2,)]


def test_streaming_answer_can_be_stopped(telegram, provider, settings):
    provider.behave(fixed_answer=" ".join(f"слово{n}" for n in range(400)), piece_s=0.05)
    with RunningBot(settings):
        telegram.say("anna", "Расскажи")
        telegram.wait_for(lambda: "слово3" in "".join(answer_texts(telegram)))
        provider.behave(piece_s=3600.0)
        telegram.press("anna", telegram.answers("anna")[0].keys[0][0]["callback_data"])
        wait_until_ended(telegram, settings, 2)
    (answer,) = telegram.answers("anna")
    assert answer.text.startswith("слово0 слово1 слово2")
    assert "слово399" not in answer.text


def test_killed_bot_sends_one_whole_answer_after_the_restart(telegram, settings, tmp_path):
    telegram.say("anna", QUESTION)
    child = start_bot(settings, tmp_path / "log", MERLIN_CRASH_AT="placeholder.recorded")
    assert wait_for_exit(child) == 137, (tmp_path / "log").read_text()
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 1)
    (answer,) = answer_texts(telegram)
    assert f"«{QUESTION}»" in answer


def test_second_polling_bot_waits_quietly_and_takes_over(telegram, settings, tmp_path):
    vera = replace(settings, admins=(1003,))
    logs = tmp_path / "first", tmp_path / "second"
    first = start_bot(vera, logs[0])
    telegram.wait_for(lambda: b"this bot polls" in logs[0].read_bytes())
    second = start_bot(vera, logs[1])
    try:
        telegram.wait_for(lambda: b"another bot polls" in logs[1].read_bytes())
        telegram.say("anna", "Первый")
        telegram.wait_for(lambda: "«Первый»" in "".join(answer_texts(telegram)))
        wait_until_ended(telegram, vera, 1)  # a kill before this point leads to one more request
        first.kill()
        telegram.say("anna", "Второй")
        telegram.wait_for(lambda: "«Второй»" in "".join(answer_texts(telegram)))
    finally:
        for child in (first, second):
            child.terminate()
            child.join(longest())
    assert {call.status for call in telegram.calls("getUpdates")} <= {200, 0}
    assert answer_texts(telegram, "vera") == []
    assert len(answer_texts(telegram)) == 2
