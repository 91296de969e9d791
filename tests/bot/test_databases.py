"""Killed and waiting bots on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    answer_texts,
    bot_settings,
    kill_bot_at,
    wait_until_ended,
)
from tests.support.forked_processes import start_bot
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


def test_killed_bot_sends_one_whole_answer_after_the_restart(
    telegram, settings, tmp_path
):
    telegram.say("anna", QUESTION)
    kill_bot_at("placeholder.recorded", settings, tmp_path / "log")
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
        wait_until_ended(
            telegram, vera, 1
        )  # a kill before this point leads to one more request
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
