"""/plan: the user's plan, plans on sale, courses, and buying a missing format."""

import pytest

from merlin.bot.menu import short_hash
from tests.bot.running_bot import SOUND, select_rows
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


def test_closed_format_offers_plans_and_is_answered_after_the_purchase(buyer):
    def speak():
        return buyer.send(SOUND, "v.oga", "audio/ogg", kind="voice", seconds=3).text

    assert "part of your plan" in speak()
    buyer.press(buyer.button_data("plan"))
    buyer.press(buyer.find_button("Twenty voices"))
    assert "20 voice questions" in buyer.last.text
    buyer.press(buyer.find_button("Buy for"))
    buyer.pay()
    assert speak().startswith("🎙")
    used = select_rows(
        buyer.settings, "SELECT user_id, state FROM quota_use WHERE format = 'voice'"
    )
    assert used == [(buyer.user_id, "charged")]
    assert "19 voice questions" in buyer.say("/plan").text


def test_rouble_payment_page_is_linked_only_where_configured(buyer):
    buyer.open_plan("Course")
    links = [key["url"] for row in buyer.last.keys for key in row if "url" in key]
    assert links == ["https://merlin.example/checkout/course"]
    assert "Pay on our site: ₽99" in buyer.labels
    buyer.open_plan("Plus")
    assert not any("url" in key for row in buyer.last.keys for key in row)


def test_plan_without_a_price_in_stars_is_offered_on_the_site_alone(buyer):
    buyer.say("/plan")
    buyer.press(f"offer:{short_hash('site')}", forged=True)
    assert "Price" not in buyer.last.text
    assert buyer.labels == ["Pay on our site: ₽5", "‹ Back"]


def test_bought_plan_is_shown_with_its_end_and_what_is_left(buyer):
    assert "The plan is yours until" in buyer.buy("Plus").text
    plan = buyer.say("/plan").text
    assert plan.startswith("Plan “Plus” until ")
    assert "• Questions: 100 of 100 left\n" in plan
    assert plan.count("• Reset ") == 1
    assert "You already have this plan." in buyer.open_plan("Plus").text


def test_smaller_plan_follows_a_bigger_one(buyer):
    buyer.buy("Course")
    bigger_first = "While “Course” lasts, questions come from it: it's bigger."
    assert bigger_first in buyer.open_plan("Plus").text
    buyer.press(buyer.find_button("Buy for"))
    buyer.pay()
    current, other, *_ = buyer.say("/plan").text.split("\n\n")
    assert current.startswith("Plan “Course” until ")
    assert ", then “Plus”\n" in current
    assert "unlimited" in current
    assert other.startswith("You also have the plan “Plus”: until ")


def test_nearly_exhausted_quota_is_shown_below_the_answer(buyer):
    assert "Left for today: 2 text questions" in buyer.say("One").text
    buyer.say("Two")
    assert "last question for today" in buyer.say("Three").text


def test_payment_does_not_wait_for_answers_or_rate_limited_chats(buyer, selling_bot):
    telegram, _, provider = selling_bot
    buyer.order("Twenty voices")
    askers = [str(7000 + number) for number in range(20)]
    provider.behave(think_s=3600.0)
    flooded = {"status": 429, "retry_after_s": 3, "only": {"chat_id": "7100"}}
    telegram.faults.add(Fault("sendMessage", FaultKind.STATUS, **flooded))
    try:
        for user in [*askers, buyer.who, "7100"]:
            telegram.say(user, "Question")
        telegram.wait_for(lambda: all(telegram.answers(user) for user in askers))
        buyer.pay()
        # All of them are still being answered.
        assert [telegram.answers(user)[-1].text for user in askers] == ["…"] * len(
            askers
        )
    finally:
        provider.behave(think_s=0.0)
        telegram.faults.clear()
    telegram.wait_for(
        lambda: all(telegram.answers(user)[-1].text != "…" for user in askers)
    )
