"""Refunds of Stars that the bot sends, and questions about payments."""

import pytest
from structlog.testing import capture_logs

from tests.bot.admin_chat import StaffUser
from tests.bot.running_bot import RunningBot, add_live_model, select_rows
from tests.bot.stars_buyer import Buyer, entry_kinds, query_billing, selling_settings
from tests.support.faults import Fault, FaultKind
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def selling_bot(tmp_path_factory):
    """One bot for all tests of this file; every buyer is a new user."""
    folder = tmp_path_factory.mktemp("refunds")
    with capture_logs(), TelegramStandIn() as telegram:
        settings = selling_settings(
            folder, telegram, public_url="https://merlin.example"
        )
        add_live_model(settings, "stand-in-base")
        with RunningBot(settings):
            yield telegram, settings


@pytest.fixture
def buyer(selling_bot):
    return Buyer(*selling_bot)


@pytest.fixture
def vera(selling_bot):
    chat = StaffUser(*selling_bot)
    chat.say("/admin")
    return chat


def request_refund(settings, purchase_id, reason="x"):
    """Request a refund of all of a purchase, as an admin does on the page."""

    def work(books):
        grant = books.ledger.entries(purchase_id)[1]
        books.refunds.request(grant.entry_id, grant.amount, reason, "user:1003")

    query_billing(settings, work)


def test_stars_are_refunded_once_and_what_they_bought_is_revoked(buyer, selling_bot):
    telegram, settings = selling_bot
    buyer.order("Twenty voices")
    buyer.pay()
    (purchase,) = buyer.purchases()
    request_refund(settings, purchase.purchase_id, "Купили дважды")
    buyer.wait_for_text("Refunded")
    assert entry_kinds(buyer)[2:] == [("refund", 50), ("revocation", 0)]
    assert telegram.stars(buyer.who) == 5000
    assert "voice questions" not in buyer.say("/plan").text
    assert (
        len(
            [
                message
                for message in telegram.answers(buyer.who)
                if "Refunded" in message.text
            ]
        )
        == 1
    )


@pytest.mark.parametrize("is_payer_gone", [False, True])
def test_refund_refused_by_telegram_is_reported_and_revokes_nothing(
    buyer, selling_bot, is_payer_gone
):
    telegram, settings = selling_bot
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
    StaffUser(telegram, settings).wait_for_text("Telegram не вернул 50 ⭐")


def test_payment_question_shows_the_users_orders(buyer, vera, selling_bot):
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
