"""Telegram Stars: plans and packs are ordered, paid, granted and refunded once."""

from datetime import timedelta

import pytest

from merlin.app.settlement import reason_key
from merlin.core.clock import iso, utc_now
from merlin.core.i18n import text
from tests.bot.admin_chat import StaffUser
from tests.bot.running_bot import RunningBot, select_rows
from tests.bot.stars_buyer import (
    Buyer,
    change_purchase,
    change_rows,
    entry_kinds,
    request_refund,
    selling_settings,
)
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


@pytest.fixture
def other(buyer):
    return Buyer(buyer.telegram, buyer.settings)


def resend_payment(buyer, **changes):
    """Send the update of the buyer's newest payment again, optionally changed."""
    newest = next(
        sent.message
        for sent in buyer.telegram.log(buyer.who)[::-1]
        if "successful_payment" in sent.message
    )
    paid = {**newest["successful_payment"], **changes}
    message = {**newest, "successful_payment": paid}
    buyer._act(
        lambda _: buyer.telegram.act(
            lambda acting: acting.world.add_update("message", message)
        )
    )


def test_pack_is_paid_and_usable_at_once(buyer):
    thanks_message = buyer.buy("Twenty voices")
    assert "“Twenty voices”, 50 ⭐. You can ask now." in thanks_message.text
    assert "20 voice questions" in buyer.say("/plan").text
    assert entry_kinds(buyer) == [("payment", 50), ("grant", 50)]
    assert buyer.telegram.stars(buyer.who) == 4950


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("gateway = 'yookassa'", "Order not found"),
        (
            "user_id = 1",
            "This invoice is for someone else. You weren't charged. Get your own in /plan",
        ),
        ("state = 'paid'", "This order is already paid. You weren't charged again"),
        (
            "expires_at = '2026-01-01T00:00:00+00:00'",
            "This invoice has expired. You weren't charged",
        ),
        (
            """promise = REPLACE(promise, '"plus"', '"gone"')""",
            "This invoice has expired",
        ),
        ("amount = 7", "price has changed"),
        ("promise = '{'", "Something broke on my side"),
    ],
)
def test_order_that_is_over_or_of_another_or_costs_or_gives_something_else_is_not_paid(
    buyer, change, reason
):
    change_purchase(buyer.settings, buyer.order("Plus"), change)
    assert reason in buyer.try_to_pay()
    assert not buyer.payments()


def test_invoice_of_no_order_is_not_paid(buyer):
    buyer.order("Plus")
    assert "Order not found" in buyer.try_to_pay(payload="nobody's")


def test_repeated_payment_update_is_granted_and_thanked_once(buyer):
    buyer.buy("Twenty voices")
    for _ in range(5):
        resend_payment(buyer)
    assert entry_kinds(buyer) == [("payment", 50), ("grant", 50)]
    assert buyer.count_messages("Thank you") == 1


@pytest.mark.parametrize(
    ("wrong", "notice_key"),
    [
        ({"total_amount": 1}, "notice-stars-wrong"),
        ({"invoice_payload": "nobody's"}, "notice-stars-unknown"),
        ({"currency": "USD"}, "notice-payment-unread"),
        ({"total_amount": 0}, "notice-payment-unread"),
    ],
)
def test_payment_that_matches_no_order_grants_nothing_and_admins_are_notified(
    buyer, wrong, notice_key
):
    buyer.buy("Plus")
    charge = f"odd-{buyer.user_id}"
    resend_payment(buyer, telegram_payment_charge_id=charge, **wrong)
    assert len(buyer.payments()) == 1
    assert any(
        key == notice_key and str(buyer.user_id) in arguments
        for key, arguments in select_rows(
            buyer.settings, "SELECT key, arguments FROM notice"
        )
    )


def test_invoice_for_a_chat_that_takes_no_messages_is_given_up(buyer):
    buyer.open_plan("Plus")
    closed = {"status": 403, "only": {"chat_id": buyer.who}}
    buyer.telegram.faults.add(Fault("sendInvoice", FaultKind.STATUS, **closed))
    # The press gets no answer either.
    buyer._act(buyer.telegram.press, buyer.find_button("Buy for"))
    of_buyer = f"user_id = {buyer.user_id} AND state = 'failed'"
    query = f"SELECT reason FROM telegram_update WHERE {of_buyer}"  # noqa: S608 - a number
    assert select_rows(buyer.settings, query) == [("unreachable",)]


def test_billing_buttons_of_another_user_do_nothing(buyer, other):
    waiting = buyer.order("Plus")
    shown_id = other.say("/plan").message_id
    forged = [f"order:{waiting}", "order", "order:1", "buy", "buy:x:y", "offer"]
    for data in forged:
        other.press(data, shown_id, forged=True)
        assert len(other.telegram.answers(other.who)) == 1
    assert not other.purchases()


def test_refund_by_telegram_revokes_the_grant(buyer):
    buyer.buy("Twenty voices")
    buyer.telegram.take_back(buyer.who, buyer.payments()[0][3])
    buyer.wait_for_text("Refunded")
    assert "voice questions" not in buyer.say("/plan").text
    assert entry_kinds(buyer)[2:] == [("refund", 50), ("revocation", 0)]


def test_plan_that_ends_in_three_days_is_announced_with_a_button_to_buy_it_again(
    telegram, tmp_path
):
    settings = selling_settings(tmp_path, telegram)
    with Buyer.of_running_bot(telegram, settings) as buyer:
        buyer.buy("Plus")
    soon = iso(utc_now() + timedelta(days=2, hours=23))
    change_rows(settings, "UPDATE plan_term SET ends_at = ?", soon)
    # The bot reminds by itself: it needs no api.
    with RunningBot(settings):
        buyer.wait_for_text("To keep it, buy it again")
        assert buyer.button_data("plan") == "plan"


def show_orders(buyer):
    """Press the button of the orders; return the message that lists them."""
    return buyer.press("orders", buyer.say("/plan").message_id, forged=True)


def test_orders_are_listed_and_an_open_one_can_be_paid(buyer):
    assert "no orders yet" in show_orders(buyer).text
    purchase_id = buyer.order("Plus")
    button = f"order:{purchase_id}"
    assert "Plus" in show_orders(buyer).text
    assert buyer.button_data("order") == button
    buyer.press(button)
    assert buyer.alerts()[-1] == text("en", "pay-invoice-above")
    asked_at = iso(utc_now() - timedelta(minutes=5))
    change_purchase(buyer.settings, purchase_id, f"asked_at = '{asked_at}'")
    buyer.press(button)
    buyer.pay()
    assert "Plus" in show_orders(buyer).text
    assert not any("Plus" in label for label in buyer.labels)


def test_canceled_order_is_listed_with_its_reason(buyer):
    canceled = "state = 'canceled', reason = 'insufficient_funds'"
    change_purchase(buyer.settings, buyer.order("Plus"), canceled)
    reason = text("en", reason_key("insufficient_funds"))
    assert f"({reason})" in show_orders(buyer).text


def test_invoice_that_telegram_refuses_to_make_is_told(buyer):
    buyer.open_plan("Plus")
    refused = {"status": 400, "only": {"chat_id": buyer.who}}
    buyer.telegram.faults.add(Fault("sendInvoice", FaultKind.STATUS, **refused))
    buyer.press(buyer.find_button("Buy for"))
    assert "Telegram couldn't create an invoice" in buyer.alerts()[-1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("gateway = 'yookassa'", "Order not found"),
        ("state = 'paid'", "already paid"),
        ("expires_at = '2026-01-01T00:00:00+00:00'", "expired"),
    ],
)
def test_order_that_cannot_be_paid_here_gets_no_invoice(buyer, change, reason):
    purchase_id = buyer.order("Plus")
    sent = len(buyer.telegram.calls("sendInvoice"))
    change_purchase(buyer.settings, purchase_id, change)
    buyer.press(f"order:{purchase_id}", buyer.say("/plan").message_id, forged=True)
    assert reason in buyer.alerts()[-1]
    assert len(buyer.telegram.calls("sendInvoice")) == sent


@pytest.fixture
def vera(buyer):
    return StaffUser(buyer.telegram, buyer.settings)


def test_stars_are_refunded_once_and_what_they_bought_is_revoked(buyer):
    purchase_id = buyer.order("Twenty voices")
    buyer.pay()
    request_refund(buyer.settings, purchase_id, "Купили дважды")
    buyer.wait_for_text("Refunded")
    assert entry_kinds(buyer)[2:] == [("refund", 50), ("revocation", 0)]
    assert buyer.telegram.stars(buyer.who) == 5000
    assert "voice questions" not in buyer.say("/plan").text
    assert buyer.count_messages("Refunded") == 1


@pytest.mark.parametrize("is_payer_gone", [False, True])
def test_refund_refused_by_telegram_is_reported_and_revokes_nothing(
    buyer, vera, is_payer_gone
):
    telegram, settings = buyer.telegram, buyer.settings
    buyer.buy("Twenty voices")
    (purchase,) = buyer.purchases()
    if is_payer_gone:
        telegram.faults.add(Fault("refundStarPayment", FaultKind.STATUS, status=403))
    else:
        telegram.act(lambda acting: acting.world.transactions.clear())
    request_refund(settings, purchase.purchase_id)
    states = "SELECT purchase_id, state FROM refund"
    refused = (purchase.purchase_id, "refused")
    telegram.wait_for(lambda: refused in select_rows(settings, states))
    assert entry_kinds(buyer) == [("payment", 50), ("grant", 50)]
    rows = select_rows(
        settings, "SELECT arguments FROM notice WHERE key = 'notice-stars-refused'"
    )
    assert any(purchase.number in arguments for (arguments,) in rows)
    # So that no background task processes it first.
    vera.wait_for_text("Telegram не вернул 50 ⭐")


def test_payment_question_shows_the_users_orders(buyer, vera):
    vera.say("/admin")
    buyer.buy("Twenty voices")
    buyer.say("/lang")
    buyer.press("Time zone")
    buyer.say("Vladivostok")
    buyer.say("/paysupport I was charged twice")
    message = vera.wait_for_text("charged twice")
    # The time is in the zone of the reader.
    assert "(UTC) · «Двадцать голосовых» · 50 ⭐ · оплачен" in message.text
    orders = next(key for row in message.keys for key in row if "Заказы" in key["text"])
    assert (
        orders["url"] == f"https://merlin.example/admin/billing?person={buyer.user_id}"
    )
