"""Killed and waiting bots on SQLite and PostgreSQL."""

import time
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    answer_texts,
    bot_settings,
    count_updates_by_state,
    kill_bot_at,
    say_and_wait,
    send_at,
    wait_until_ended,
)
from tests.support.forked_processes import start_bot
from tests.support.waiting import longest, wait_until

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


def test_questions_that_were_asked_while_the_database_was_read_only_are_all_answered(
    telegram, provider, tmp_path, postgresql, logs
):
    """As a failover leaves it; ten questions at once were refused as a flood."""
    url = postgresql.reset()
    settings = replace(bot_settings(tmp_path, telegram, provider), database=url)
    add_live_model(settings, "stand-in-base")
    with (
        closing(psycopg.connect(postgresql.url("postgres"), autocommit=True)) as admin,
        RunningBot(settings),
    ):
        say_and_wait(telegram, settings, "Первый", 1)
        admin.execute("ALTER DATABASE shared SET default_transaction_read_only = on")
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'shared'"
            )
            questions = [f"Вопрос {number}" for number in range(10)]
            send_at(telegram, time.time(), *questions)
            trouble = "updates could not be stored"
            wait_until(lambda: trouble in {entry["event"] for entry in [*logs]})
        finally:
            admin.execute("ALTER DATABASE shared RESET default_transaction_read_only")
        wait_until_ended(telegram, settings, 11)
    assert count_updates_by_state(settings) == {"answered": 11}
