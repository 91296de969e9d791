"""The model is asked while the placeholder is sent: if one fails, the other is cancelled."""

import asyncio
from dataclasses import replace

import pytest

from merlin.app.ask import run_both
from merlin.bot.answers import PLACEHOLDER
from tests.bot.running_bot import (
    FIFTY_A_DAY,
    RunningBot,
    ask,
    select_rows,
    wait_until_ended,
)
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


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
