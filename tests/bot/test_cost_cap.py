"""The spending limit in the bot: once it is reached, the bot says so, and until when."""

from dataclasses import replace

import pytest

from merlin.config.settings import AnswerBudget
from tests.bot.running_bot import (
    RunningBot,
    count_updates_by_state,
    say_and_wait,
    select_rows,
)
from tests.support.config import make_priced_config
from tests.support.plan_config import make_plans

pytestmark = pytest.mark.functional

DEAR = make_priced_config("stand-in-base", input=1, output=2)
PLANS = tuple(make_plans({"free": {"title": {"ru": "Даром", "en": "Free"}, "text": 9}}))


def test_reached_spending_cap_stops_all_users(telegram, provider, settings):
    guarded = replace(
        settings, caps=AnswerBudget(per_day=1e-6), config=DEAR, plans=PLANS
    )
    with RunningBot(guarded):
        for number, name in enumerate(("anna", "anna", "boris"), 1):
            say_and_wait(telegram, guarded, f"Вопрос {number}", number, who=name)
    assert "Бот исчерпал дневной лимит" in telegram.answers("anna")[1].text
    assert "Бот исчерпал дневной лимит" in telegram.answers("boris")[0].text
    assert len(provider.calls("chat.create")) == 1
    assert count_updates_by_state(guarded) == {"answered": 1, "refused": 2}
    assert select_rows(guarded, "SELECT COUNT(*) FROM quota_use") == [(1,)]
