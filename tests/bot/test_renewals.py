"""A plan that renews in Stars: subscribed, renewed, turned off and on, failed, lapsed, refunded."""

from datetime import timedelta

import pytest

from merlin.core.clock import utc_now
from tests.bot.running_bot import RunningBot, select_rows
from tests.bot.stars_buyer import change_rows, entry_kinds, request_refund
from tests.bot.subscriber import Subscriber, renewing_settings, run_subscriber
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional

DAY = timedelta(days=1)
MONTH = 30 * DAY


@pytest.fixture
def settings(tmp_path, telegram):
    return renewing_settings(tmp_path, telegram)


@pytest.fixture
def anna(telegram, settings):
    with run_subscriber(telegram, settings) as subscriber:
        yield subscriber


def is_near(at, other):
    return abs(at - other) < timedelta(minutes=10)


def test_offer_says_that_it_renews_and_its_link_has_a_period_of_thirty_days(
    telegram, settings
):
    with Subscriber.of_running_bot(telegram, settings, "6100") as anna:
        offer = anna.open_plan("Max · 100 ⭐ a month")
        price = "100 ⭐ a month, renews by itself, cancel any time here"
        assert price in offer.text
        assert "Lasts" not in offer.text
        assert "roubles" not in offer.text
        link = anna.press(anna.find_button("Subscribe for"))
        ((button,), _back) = link.keys
        assert button["url"].startswith("https://t.me/$")
    (call,) = telegram.calls("createInvoiceLink")
    assert (call.status, call.body["subscription_period"]) == (200, "2592000")
    assert "renewed by itself" in call.body["description"]


def test_first_month_is_paid_and_the_next_date_is_said(anna):
    assert entry_kinds(anna) == [("payment", 100), ("grant", 100)]
    state, wanted, ends_at = anna.renewal()
    assert (state, wanted) == ("active", None)
    assert is_near(ends_at, utc_now() + MONTH)
    # The plan ends with the paid time, to the second.
    assert [ends for _, ends in anna.terms()] == [ends_at]
    shown = anna.say("/plan").text
    assert "“Max” renews by itself: 100 ⭐ a month, next on" in shown
    assert "The plan is yours and renews by itself on" in "".join(
        message.text for message in anna.telegram.answers(anna.who)
    )


def test_month_that_is_paid_extends_the_plan_once(anna):
    _, _, first = anna.renewal()
    (update,) = anna.telegram.pass_month(anna.who)
    anna.wait_for_text("Renewed: “Max”")
    assert update
    _, _, ends_at = anna.renewal()
    assert ends_at == first + MONTH
    assert [ends for _, ends in anna.terms()] == [first, ends_at]
    assert entry_kinds(anna) == [("payment", 100), ("grant", 100)] * 2


def test_renewal_that_is_delivered_twice_is_granted_and_told_once(anna):
    anna.telegram.pass_month(anna.who)
    anna.wait_for_text("Renewed")
    paid = next(
        sent.message
        for sent in anna.telegram.log(anna.who)[::-1]
        if "successful_payment" in sent.message
    )
    for _ in range(3):
        anna._act(
            lambda _: anna.telegram.act(
                lambda acting: acting.world.add_update("message", paid)
            )
        )
    assert len(anna.payments()) == 2
    assert anna.count_messages("Renewed") == 1


def test_renewal_is_turned_off_and_allowed_again_in_the_chat(anna):
    assert "next on" in anna.open_renewal().text
    off = anna.turn("Turn off", "is off. The plan works until")
    assert "you won't be charged again" in off.text
    (call,) = anna.telegram.calls("editUserStarSubscription")
    charge = anna.payments()[0][3]
    assert call.body["is_canceled"] == "true"
    assert call.body["telegram_payment_charge_id"] == charge
    assert anna.renewal()[:2] == ("canceled", None)
    # Telegram reports it too: told once.
    anna.telegram.wait_for(lambda: not anna.telegram.pending())
    assert anna.count_messages("is off. The plan works until") == 1
    assert anna.telegram.pass_month(anna.who) == []
    anna.turn("Turn on again", "lets you turn auto-renewal")
    call = anna.telegram.calls("editUserStarSubscription")[-1]
    assert call.body["is_canceled"] == "false"
    assert anna.renewal()[:2] == ("allowed", None)
    anna.telegram.switch_renewal(anna.who, is_on=True)
    anna.wait_for_text("is on: next on")
    assert anna.renewal()[0] == "active"


def test_what_people_change_in_telegram_is_told_and_shown(anna):
    anna.telegram.switch_renewal(anna.who, is_on=False)
    anna.wait_for_text("is off. The plan works until")
    assert "Auto-renewal of “Max” is off" in anna.say("/plan").text
    anna.telegram.switch_renewal(anna.who, is_on=True)
    anna.wait_for_text("is on: next on")
    assert anna.renewal()[0] == "active"


def test_renewal_that_fails_is_told_once_and_the_plan_ends_at_its_day(anna):
    _, _, ends_at = anna.renewal()
    for _ in range(3):
        anna.telegram.pass_month(anna.who, has_stars=False)
    anna.wait_for_text("couldn't be renewed")
    anna.telegram.wait_for(lambda: not anna.telegram.pending())
    assert anna.count_messages("couldn't be renewed: Telegram didn't get") == 1
    assert anna.renewal() == ("failed", None, ends_at)
    assert [ends for _, ends in anna.terms()] == [ends_at]
    anna.make_past(31 * DAY)
    shown = anna.say("/plan").text
    assert "Plan “Free”" in shown
    assert "renew" not in shown
    # And can be bought anew.
    assert "Subscribe for" in "".join(anna.open_link().keys[0][0]["text"])


def test_running_subscription_is_not_sold_a_second_time(anna):
    assert "next on" in anna.open_plan("Max").text
    assert not [label for label in anna.labels if "Subscribe" in label]
    bought = anna.say("/plan").message_id
    data = anna.find_button("Max · 100").replace("offer", "buy")
    anna.press(data, bought, forged=True)
    assert "renews by itself already" in anna.alerts()[-1]
    assert len(anna.telegram.calls("createInvoiceLink")) == 1


def test_link_of_another_order_of_the_plan_is_not_paid_while_it_renews(
    telegram, settings
):
    with Subscriber.of_running_bot(telegram, settings, "6101") as anna:
        other = anna.open_link().message_id
        older = "UPDATE purchase SET promise = REPLACE(promise, 'Max', 'Older')"
        change_rows(settings, older)
        anna.subscribe()
        anna._act(telegram.press, "Subscribe for 100 ⭐", other)
        answered = telegram.calls("answerPreCheckoutQuery")[-1].body
        assert "renews by itself already" in answered["error_message"]
        assert len(anna.payments()) == 1


def test_refund_of_one_month_ends_that_month_alone(anna):
    _, _, first = anna.renewal()
    anna.telegram.pass_month(anna.who)
    anna.wait_for_text("Renewed")
    charge = anna.payments()[1][3]
    anna.telegram.take_back(anna.who, charge)
    anna.wait_for_text("refunded")
    ((_, ends), (starts, later)) = anna.terms()
    assert (ends, later) == (first, starts)
    assert [kind for kind, _ in entry_kinds(anna)][4:] == ["refund", "revocation"]


def test_card_of_another_person_is_not_found(anna, telegram, settings):
    (purchase,) = anna.purchases()
    stranger = Subscriber(telegram, settings, "6102")
    shown = stranger.say("/plan").message_id
    for verb in ("renewal", "renewal_off", "renewal_on"):
        stranger.press(f"{verb}:{purchase.purchase_id}", shown, forged=True)
        assert "Order not found" in stranger.alerts()[-1]
    assert anna.renewal()[:2] == ("active", None)


def test_refusal_of_telegram_is_told_and_tried_again_on_request(
    anna, telegram, settings
):
    telegram.faults.add(Fault("editUserStarSubscription", FaultKind.STATUS, status=400))
    anna.turn("Turn off", "Telegram didn't change auto-renewal")
    assert anna.renewal()[:2] == ("active", None)
    rows = select_rows(
        settings, "SELECT key FROM notice WHERE key = 'notice-renewal-stays'"
    )
    assert len(rows) == 1
    anna.turn("Turn off", "is off. The plan works until")


def test_telegram_that_does_not_answer_is_told_again(anna, telegram, settings):
    telegram.faults.add(Fault("editUserStarSubscription", FaultKind.STATUS, status=503))
    anna.open_renewal()
    anna.press(anna.find_button("Turn off"))
    assert "I'm turning auto-renewal" in anna.last.text
    assert not [label for label in anna.labels if "Turn" in label]
    polls = "SELECT polls FROM subscription"
    telegram.wait_for(lambda: select_rows(settings, polls) == [(1,)])
    assert anna.renewal()[:2] == ("active", "canceled")
    change_rows(settings, "UPDATE subscription SET next_poll_at = '2026-01-01'")
    anna.wait_for_text("is off. The plan works until")


@pytest.mark.parametrize(
    "changed",
    [{"state": "paused"}, {"invoice_payload": "nobody's"}, {"user": {"id": 5}}],
)
def test_report_that_cannot_be_read_changes_nothing_and_is_told_to_the_admins(
    anna, telegram, settings, changed
):
    (purchase,) = anna.purchases()
    user = {"id": anna.user_id, "is_bot": False, "first_name": "A"}
    body = {"user": user, "invoice_payload": purchase.purchase_id, "state": "failed"}
    body |= changed
    telegram.act(lambda acting: acting.world.add_update("subscription", body))
    count = "SELECT COUNT(*) FROM notice WHERE key = 'notice-renewal-unread'"
    telegram.wait_for(lambda: select_rows(settings, count) == [(1,)])
    assert anna.renewal()[0] == "active"


def test_deleting_everything_ends_the_subscription_first(anna, telegram, settings):
    anna.say("/delete_me")
    anna.press("forget:1")
    anna.press("forget:2")
    assert "is being turned off" in anna.last.text
    anna.wait_for_text("is off. The plan works until")
    (call,) = telegram.calls("editUserStarSubscription")
    assert call.body["is_canceled"] == "true"
    assert select_rows(settings, "SELECT COUNT(*) FROM plan_term") == [(1,)]
    asked = [m for m in telegram.answers(anna.who) if "is being turned" in m.text][-1]
    telegram.press(anna.who, "forget:2", asked.message_id)
    telegram.wait_for(
        lambda: select_rows(settings, "SELECT COUNT(*) FROM plan_term") == [(0,)]
    )
    assert telegram.pass_month(anna.who) == []


def test_reminder_of_the_end_goes_to_those_whose_plan_does_not_renew(
    telegram, settings
):
    with run_subscriber(telegram, settings) as anna:
        pass
    anna.make_past(28 * DAY)
    reminded = "SELECT COUNT(*) FROM notice WHERE key = 'notice-plan-ends'"
    with RunningBot(settings):
        anna.say("/plan")
        assert select_rows(settings, reminded) == [(0,)]
        anna.turn("Turn off", "is off. The plan works until")
    with RunningBot(settings):
        anna.wait_for_text("To keep it, buy it again")


def test_refund_by_an_admin_leaves_the_subscription_to_its_person(anna, settings):
    (purchase,) = anna.purchases()
    request_refund(settings, purchase.purchase_id)
    anna.wait_for_text("Refunded")
    assert anna.renewal()[0] == "active"
