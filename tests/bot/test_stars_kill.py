"""A bot killed during a Star payment or refund, and restarted: granted and refunded once."""

from datetime import timedelta

import pytest

from merlin.billing.subscriptions import SubscriptionState
from tests.bot.running_bot import RunningBot, kill_bot_at, select_rows
from tests.bot.stars_buyer import (
    buyer_with_invoice,
    change_rows,
    ledger,
    query_billing,
    request_refund,
    selling_settings,
)
from tests.bot.subscriber import renewing_settings, run_subscriber
from tests.support import kill_points
from tests.support.forked_processes import start_bot, wait_for_exit

pytestmark = pytest.mark.integration

PAYMENT = tuple(point for point in kill_points.POINTS if point.startswith("payment."))
RENEWAL = tuple(point for point in kill_points.POINTS if point.startswith("renewal."))
REFUND = tuple(point for point in kill_points.POINTS if point.startswith("refund."))


@pytest.fixture
def settings(tmp_path, telegram):
    return selling_settings(tmp_path, telegram)


@pytest.mark.parametrize("point", PAYMENT)
def test_payment_is_granted_and_thanked_once_after_a_kill_at(
    telegram, settings, tmp_path, point
):
    buyer = buyer_with_invoice(telegram, settings)
    child = start_bot(settings, tmp_path / "log", MERLIN_CRASH_AT=point)
    telegram.pay(buyer.who)
    assert wait_for_exit(child) == 137, (tmp_path / "log").read_text()[-3000:]
    assert len(buyer.payments()) == (0 if point == "payment.before" else 1)
    with RunningBot(settings):
        buyer.wait_for_text("Paid", 40)
        telegram.wait_for(lambda: not telegram.pending())
    assert [entry[1:3] for entry in ledger(settings)] == [
        ("payment", 50),
        ("grant", 50),
    ]
    assert buyer.count_messages("Thank you") == 1


@pytest.mark.parametrize("point", REFUND)
def test_stars_are_refunded_once_after_a_kill_at(telegram, settings, tmp_path, point):
    buyer = buyer_with_invoice(telegram, settings)
    with RunningBot(settings):
        buyer.pay()
    request_refund(settings, buyer.purchases()[0].purchase_id)
    kill_bot_at(point, settings, tmp_path / "log")
    # Half a minute passes until the lease expires.
    change_rows(
        settings,
        "UPDATE refund SET next_poll_at = '2026-01-01' WHERE next_poll_at IS NOT NULL",
    )
    with RunningBot(settings):
        buyer.wait_for_text("Refunded", 40)
        telegram.wait_for(
            lambda: select_rows(settings, "SELECT state FROM refund") == [("done",)]
        )
    assert [entry[1:3] for entry in ledger(settings)][2:] == [
        ("refund", 50),
        ("revocation", 0),
    ]
    assert telegram.stars(buyer.who) == 5000


@pytest.mark.parametrize("point", PAYMENT)
def test_renewal_is_granted_and_told_once_after_a_kill_at(telegram, tmp_path, point):
    settings = renewing_settings(tmp_path, telegram)
    with run_subscriber(telegram, settings) as subscriber:
        _, _, first = subscriber.renewal()
    child = start_bot(settings, tmp_path / "log", MERLIN_CRASH_AT=point)
    telegram.pass_month(subscriber.who)
    assert wait_for_exit(child) == 137, (tmp_path / "log").read_text()[-3000:]
    with RunningBot(settings):
        subscriber.wait_for_text("Renewed", 40)
        telegram.wait_for(lambda: not telegram.pending())
    assert len(subscriber.payments()) == 2
    assert subscriber.renewal()[2] == first + timedelta(days=30)
    assert subscriber.count_messages("Renewed") == 1


@pytest.mark.parametrize("point", RENEWAL)
def test_renewal_is_turned_off_and_told_once_after_a_kill_at(telegram, tmp_path, point):
    settings = renewing_settings(tmp_path, telegram)
    with run_subscriber(telegram, settings) as subscriber:
        ((purchase_id,),) = select_rows(
            settings, "SELECT purchase_id FROM subscription"
        )
    wanted = SubscriptionState.CANCELED
    query_billing(
        settings, lambda billing: billing.subscriptions.want(purchase_id, wanted)
    )
    kill_bot_at(point, settings, tmp_path / "log")
    # The bot that takes over waits for no lease: a try that ended with its process is none.
    with RunningBot(settings):
        subscriber.wait_for_text("is off. The plan works until", 40)
        telegram.wait_for(lambda: subscriber.renewal()[:2] == ("canceled", None))
    assert subscriber.count_messages("is off. The plan works until") == 1
    assert telegram.pass_month(subscriber.who) == []
