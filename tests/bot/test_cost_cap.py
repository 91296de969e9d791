"""The spending limit in the bot: once it is reached, the bot says so, and until when."""

from dataclasses import replace

import pytest

from merlin.config.settings import AnswerBudget
from tests.bot.running_bot import RunningBot, count_updates_by_state, select_rows, wait_until_ended
from tests.support.config import make_priced_config
from tests.support.plan_config import make_plans

pytestmark = pytest.mark.functional

DEAR = make_priced_config("stand-in-base", input=1, output=2)
PLANS = tuple(make_plans({"free": {"title": {"ru": "Даром", "en": "Free"}, "text": 9}}))


@pytest.mark.parametrize(
    ("caps", "notice", "answered"),
    [
        (AnswerBudget(per_person_per_day=1e-6), "Вы исчерпали дневной лимит", 2),
        (AnswerBudget(per_day=1e-6), "Бот исчерпал дневной лимит", 1),
    ],
)
def test_reached_spending_cap_stops_the_users_it_applies_to(
    telegram, provider, settings, caps, notice, answered
):
    # With a plan for the limit per user, without one for the overall limit.
    plans = PLANS if answered == 2 else ()
    guarded = replace(settings, caps=caps, config=DEAR, plans=plans)
    with RunningBot(guarded):
        for number, name in enumerate(("anna", "anna", "boris"), 1):
            telegram.say(name, f"Вопрос {number}")
            wait_until_ended(telegram, guarded, number)
    assert notice in telegram.answers("anna")[1].text
    assert ("Вопрос 3" in telegram.answers("boris")[0].text) is (answered == 2)
    assert len(provider.calls("chat.create")) == answered
    assert count_updates_by_state(guarded) == {"answered": answered, "refused": 3 - answered}
    assert select_rows(guarded, "SELECT COUNT(*) FROM quota_use") == [(2 if plans else 0,)]
    ((to, key),) = {*select_rows(guarded, "SELECT to_whom, key FROM notice")}
    assert (to, key) == ("admins", f"notice-answers-{'person' if answered == 2 else 'day'}")
