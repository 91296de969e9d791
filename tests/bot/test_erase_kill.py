"""A bot killed while it erases a user's data, and restarted: no data stays."""

import pytest

from tests.bot.running_bot import (
    RunningBot,
    find_answer,
    find_traces,
    kill_bot_at,
    say_and_wait,
    wait_until_ended,
)
from tests.support.kill_points import POINTS

pytestmark = pytest.mark.integration

OURS = [point for point in POINTS if point.startswith("erase.")]


@pytest.mark.parametrize("point", OURS)
def test_erasure_is_complete_after_a_kill_at(telegram, settings, tmp_path, point):
    with RunningBot(settings):
        say_and_wait(telegram, settings, "Что такое лоб?", 1)
        say_and_wait(telegram, settings, "/delete_me", 2)
        confirmation = telegram.answers("anna")[-1].message_id
        telegram.press("anna", "forget:1")
        wait_until_ended(telegram, settings, 3)
    telegram.press("anna", "forget:2")
    kill_bot_at(point, settings, tmp_path / "log")
    assert find_traces(settings)
    with RunningBot(settings):
        # The dead bot's polling lease lasts for some seconds.
        telegram.wait_for(lambda: not telegram.pending(), 60)
        telegram.wait_for(lambda: not find_traces(settings))
    assert "Всё удалено" in find_answer(telegram, confirmation).text
