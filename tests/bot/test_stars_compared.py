"""A bot that was away: what Telegram says of Stars is held against the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from merlin.app.reconciliation import is_due
from merlin.core.clock import iso, utc_now
from merlin.sandbox.telegram.queries import invoice_of, pay
from tests.bot.running_bot import RunningBot, rows
from tests.bot.stars_buyer import (
    Buyer,
    buyer_with_invoice,
    change,
    compared,
    ledger,
    selling,
    with_books,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(tmp_path, telegram):
    return selling(tmp_path, telegram)


def times(telegram):
    return len(telegram.calls("getStarTransactions"))


def paid_unseen(telegram, buyer):
    """Let Telegram take Stars of which its bot never hears."""

    def act(acting):
        world, person = acting.world, acting.person(buyer.who)
        sent = [one for one in world.messages[person.chat_id].values() if "invoice" in one.message]
        update_id = pay(world, person, invoice_of(world, sent[-1]))
        world.record("confirm", update_ids=[update_id])

    telegram.act(act)


def test_what_was_paid_and_sent_back_while_a_bot_was_away_is_stored_at_its_start(
    telegram, settings
):
    buyer = buyer_with_invoice(telegram, settings)
    paid_unseen(telegram, buyer)
    with RunningBot(settings):
        buyer.until("Paid")
        # Noted behind the person's message.
        found = [{"kind": "paid", "charge": buyer.paid()[0][3]}]
        telegram.wait_for(lambda: compared(settings)["differences"] == found)
    telegram.take_back(buyer.who, buyer.paid()[0][3])
    gone = [update["update_id"] for update in telegram.pending()]
    telegram.act(lambda acting: acting.world.record("confirm", update_ids=gone))
    with RunningBot(settings):
        buyer.until("Refunded")
        telegram.wait_for(lambda: compared(settings)["seen"] == 2)
    assert [entry[1:3] for entry in ledger(settings)] == [
        ("payment", 50),
        ("grant", 50),
        ("refund", 50),
        ("revocation", 0),
    ]
    with RunningBot(settings):
        telegram.wait_for(lambda: times(telegram) == 4)
    assert len(ledger(settings)) == 4


def test_a_subscription_begun_while_a_bot_was_away_can_be_stopped(telegram, settings):
    with RunningBot(settings):
        buyer = Buyer(telegram, settings)
        buyer.plan("Always")
        link = buyer.press(buyer.behind("Buy for")).keys[0][0]["url"]

    def act(acting):
        invoice = acting.world.invoices[link.rsplit("/", 1)[1]]
        update_id = pay(acting.world, acting.person(buyer.who), invoice)
        acting.world.record("confirm", update_ids=[update_id])

    telegram.act(act)
    with RunningBot(settings):
        buyer.until("Paid")
        assert buyer.renewals()[0].state == "on"
        assert buyer.renewals()[0].method in telegram.subscriptions()


def test_what_nobody_can_explain_is_told_to_the_admins_once(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    odd = {"id": "gift", "amount": 7, "date": 1795190000}
    person = {"type": "user", "user": {"id": buyer.user_id}, "invoice_payload": "nobody's"}
    out = {"type": "fragment"}
    more = [{**odd, "source": person}, {**odd, "id": "out", "receiver": out}, {"id": 5}]
    telegram.act(lambda acting: acting.world.transactions.extend(more))
    for _ in range(2):
        asked = times(telegram)
        with RunningBot(settings):
            telegram.wait_for(lambda before=asked: times(telegram) > before)
            telegram.wait_for(lambda: compared(settings)["seen"] == 3)
    told = rows(settings, "SELECT key FROM notice WHERE to_whom = 'admins' ORDER BY id")
    assert told == [("notice-stars-unknown",)]
    assert not ledger(settings)


def test_a_payment_that_telegram_does_not_list_is_told(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    with RunningBot(settings):
        buyer.pay()
    telegram.act(lambda acting: acting.world.transactions.clear())
    past = iso(utc_now() - timedelta(hours=1))
    is_sqlite = settings.database.startswith("sqlite:")
    guard = "ledger_no_update" if is_sqlite else "ledger_stays ON ledger"
    change(settings, f"DROP TRIGGER {guard}")
    change(settings, "UPDATE ledger SET at = ?", past)
    last = compared(settings) | {"at": "2026-01-01T00:00:00.000000Z"}
    change(settings, "UPDATE setting SET value = ? WHERE name LIKE 'stars.%'", json.dumps(last))
    with RunningBot(settings):
        found = "SELECT COUNT(*) FROM notice WHERE key = 'notice-stars-missing'"
        telegram.wait_for(lambda: rows(settings, found) == [(1,)])


def test_a_stopped_renewal_reaches_telegram_after_a_silence(telegram, settings):
    with RunningBot(settings):
        buyer = Buyer(telegram, settings)
        buyer.plan("Always")
        link = buyer.press(buyer.behind("Buy for")).keys[0][0]["url"]
        buyer.pay(link.rsplit("/", 1)[1])
    (renewal,) = buyer.renewals()
    stop = renewal.renewal_id, buyer.user_id
    with_books(settings, lambda books: books.renewals.stop(*stop))
    assert buyer.renewals()[0].state == "stopping"
    with RunningBot(settings):
        telegram.wait_for(lambda: buyer.renewals()[0].state == "off")
    assert [one["is_canceled"] for one in telegram.subscriptions().values()] == [True]


def test_stars_are_compared_every_night_also_after_a_clock_was_set_back():
    night, day = datetime(2026, 11, 20, 2, tzinfo=UTC), timedelta(days=1)
    zone = ZoneInfo("Europe/Moscow")
    assert is_due(None, night, zone)
    assert is_due(night - day, night, zone)
    assert is_due(night + 9 * day, night, zone)
    assert not is_due(night, night + timedelta(hours=1), zone)
    assert not is_due(night - day, night - timedelta(hours=2), zone)
