"""Telegram Stars: plans and packs are ordered, paid and granted once, despite duplicate updates."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from merlin.app.settlement import reason_key
from merlin.core.clock import iso, utc_now
from merlin.core.i18n import text
from tests.bot.running_bot import RunningBot, add_live_model, select_rows
from tests.bot.stars_buyer import Buyer, change_rows, entry_kinds, selling_settings
from tests.support.faults import Fault, FaultKind
from tests.support.stand_ins import ProviderStandIn, TelegramStandIn

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def selling_bot(tmp_path_factory):
    """One bot for all tests of this file; every buyer is a new user."""
    folder = tmp_path_factory.mktemp("stars")
    with capture_logs(), TelegramStandIn() as telegram, ProviderStandIn() as provider:
        settings = selling_settings(folder, telegram, provider)
        add_live_model(settings, "stand-in-base")
        with RunningBot(settings):
            yield telegram, settings


@pytest.fixture
def buyer(selling_bot):
    return Buyer(*selling_bot)


def resend_payment(telegram, buyer, change=dict):
    """Send the update of the buyer's newest payment again, optionally changed."""
    paid = [
        sent.message
        for sent in telegram.log(buyer.who)
        if "successful_payment" in sent.message
    ]
    message = {**paid[-1], "successful_payment": {**paid[-1]["successful_payment"]}}
    change(message["successful_payment"])
    before = buyer._count_ended()
    telegram.act(lambda acting: acting.world.add_update("message", message))
    telegram.wait_for(lambda: buyer._count_ended() > before)


def thank_messages(buyer):
    return [
        message
        for message in buyer.telegram.answers(buyer.who)
        if "Thank you" in message.text
    ]


def test_pack_is_paid_and_usable_at_once(buyer):
    buyer.order("Twenty voices")
    thanks_message = buyer.pay()
    assert "“Twenty voices”, 50 ⭐. You can ask now." in thanks_message.text
    assert "20 voice questions" in buyer.say("/plan").text
    assert entry_kinds(buyer) == [("payment", 50), ("grant", 50)]
    assert buyer.telegram.stars(buyer.who) == 4950


def test_invoice_of_another_user_cannot_be_paid(buyer, selling_bot):
    purchase_id = buyer.order("Plus")
    other = Buyer(*selling_bot)
    other.order("Plus")
    assert (
        "This invoice is for someone else. You weren't charged. Get your own in /plan"
        in other.try_to_pay(payload=purchase_id)
    )
    assert not buyer.payments()


def test_paid_order_cannot_be_paid_again(buyer):
    buyer.order("Plus")
    assert "The plan is yours until" in buyer.pay().text
    assert "This order is already paid. You weren't charged again" in buyer.try_to_pay()
    assert len(buyer.payments()) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "expires_at = '2026-01-01T00:00:00+00:00'",
            "This invoice has expired. You weren't charged",
        ),
        ("amount = 7", "price has changed"),
        (
            """promise = REPLACE(promise, '"plus"', '"gone"')""",
            "This invoice has expired",
        ),
    ],
)
def test_order_that_is_over_or_costs_or_gives_something_else_cannot_be_paid(
    buyer, change, reason
):
    purchase_id = buyer.order("Plus")
    change_rows(
        buyer.settings,
        f"UPDATE purchase SET {change} WHERE id = ?",  # noqa: S608 - our own words
        purchase_id,
    )
    assert reason in buyer.try_to_pay()


def test_repeated_payment_update_is_granted_and_thanked_once(buyer, selling_bot):
    telegram, _ = selling_bot
    buyer.order("Twenty voices")
    buyer.pay()
    for _ in range(5):
        resend_payment(telegram, buyer)
    assert entry_kinds(buyer) == [("payment", 50), ("grant", 50)]
    assert len(thank_messages(buyer)) == 1


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
    buyer, selling_bot, wrong, notice_key
):
    telegram, settings = selling_bot
    buyer.order("Plus")
    buyer.pay()
    charge = f"odd-{buyer.user_id}"
    other = {"telegram_payment_charge_id": charge, **wrong}
    resend_payment(telegram, buyer, lambda paid: paid.update(other))
    assert len(buyer.payments()) == 1
    notices = [
        arguments
        for key, arguments in select_rows(settings, "SELECT key, arguments FROM notice")
        if key == notice_key
    ]
    assert any(
        charge in arguments or str(buyer.user_id) in arguments for arguments in notices
    )


def test_invoice_for_a_chat_that_takes_no_messages_is_given_up(buyer, selling_bot):
    telegram, settings = selling_bot
    buyer.open_plan("Plus")
    closed = {"status": 403, "only": {"chat_id": buyer.who}}
    telegram.faults.add(Fault("sendInvoice", FaultKind.STATUS, **closed))
    # The press gets no answer either.
    buyer._act(telegram.press, buyer.find_button("Buy for"))
    of_buyer = f"user_id = {buyer.user_id} AND state = 'failed'"
    query = f"SELECT reason FROM telegram_update WHERE {of_buyer}"  # noqa: S608 - a number
    assert select_rows(settings, query) == [("unreachable",)]


def test_billing_buttons_of_another_user_do_nothing(buyer, selling_bot):
    other = Buyer(*selling_bot)
    waiting = buyer.order("Plus")
    shown_id = other.say("/plan").message_id
    forged = [f"order:{waiting}", "order", "order:1", "buy", "buy:x:y", "offer"]
    for data in forged:
        other.press(data, shown_id, forged=True)
        assert len(other.telegram.answers(other.who)) == 1
    assert not other.purchases()


def test_refund_by_telegram_revokes_the_grant(buyer, selling_bot):
    telegram, _ = selling_bot
    buyer.order("Twenty voices")
    buyer.pay()
    telegram.take_back(buyer.who, buyer.payments()[0][3])
    buyer.wait_for_text("Refunded")
    assert "voice questions" not in buyer.say("/plan").text
    assert entry_kinds(buyer)[2:] == [("refund", 50), ("revocation", 0)]


def test_plan_that_ends_in_three_days_is_announced_with_a_button_to_buy_it_again(
    telegram, tmp_path
):
    settings = selling_settings(tmp_path, telegram)
    with RunningBot(settings):
        buyer = Buyer(telegram, settings)
        buyer.order("Plus")
        buyer.pay()
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
    change_rows(
        buyer.settings,
        "UPDATE purchase SET asked_at = ? WHERE id = ?",
        iso(utc_now() - timedelta(minutes=5)),
        purchase_id,
    )
    buyer.press(button)
    buyer.pay()
    assert "Plus" in show_orders(buyer).text
    assert not any("Plus" in label for label in buyer.labels)


def test_canceled_order_is_listed_with_its_reason(buyer):
    purchase_id = buyer.order("Plus")
    change_rows(
        buyer.settings,
        "UPDATE purchase SET state = 'canceled', reason = 'insufficient_funds'"
        " WHERE id = ?",
        purchase_id,
    )
    reason = text("en", reason_key("insufficient_funds"))
    assert f"({reason})" in show_orders(buyer).text


def test_invoice_that_telegram_refuses_to_make_is_told(buyer):
    buyer.open_plan("Plus")
    refused = {"status": 400, "only": {"chat_id": buyer.who}}
    buyer.telegram.faults.add(Fault("sendInvoice", FaultKind.STATUS, **refused))
    buyer.press(buyer.find_button("Buy for"))
    assert "Telegram couldn't create an invoice" in buyer.alerts()[-1]


def test_invoice_of_no_order_and_of_an_unreadable_one_cannot_be_paid(buyer):
    purchase_id = buyer.order("Plus")
    assert "Order not found" in buyer.try_to_pay(payload="nobody's")
    change_rows(
        buyer.settings, "UPDATE purchase SET promise = '{' WHERE id = ?", purchase_id
    )
    assert "Something broke on my side" in buyer.try_to_pay()
    assert not buyer.payments()


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
    change_rows(
        buyer.settings,
        f"UPDATE purchase SET {change} WHERE id = ?",  # noqa: S608 - our own words
        purchase_id,
    )
    buyer.press(f"order:{purchase_id}", buyer.say("/plan").message_id, forged=True)
    assert reason in buyer.alerts()[-1]
    assert len(buyer.telegram.calls("sendInvoice")) == sent
