"""Refunds of Stars that the bot sends, and questions about payments."""

import pytest

from tests.bot.admin_chat import StaffUser
from tests.bot.running_bot import select_rows
from tests.bot.stars_buyer import entry_kinds, request_refund
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


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
    buyer.order("Twenty voices")
    buyer.pay()
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
    buyer.order("Twenty voices")
    buyer.pay()
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
