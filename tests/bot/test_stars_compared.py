"""Reconciliation of Telegram's Star transactions with the ledger after downtime of the bot."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from merlin.app.reconciliation import is_due
from merlin.core.clock import iso, utc_now
from merlin.sandbox.telegram.queries import invoice_of, pay
from tests.bot.running_bot import RunningBot, select_rows
from tests.bot.stars_buyer import (
    buyer_with_invoice,
    change_rows,
    last_comparison,
    ledger,
    selling_settings,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(tmp_path, telegram):
    return selling_settings(tmp_path, telegram)


def list_calls(telegram):
    return len(telegram.calls("getStarTransactions"))


def pay_unseen(telegram, buyer):
    """Let a buyer pay Stars without an update to the bot."""

    def act(acting):
        world, person = acting.world, acting.person(buyer.who)
        invoices = [
            message
            for message in world.messages[person.chat_id].values()
            if "invoice" in message.message
        ]
        update_id = pay(world, person, invoice_of(world, invoices[-1]))
        world.record("confirm", update_ids=[update_id])

    telegram.act(act)


def test_payment_and_refund_during_downtime_are_recorded_at_start(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    pay_unseen(telegram, buyer)
    with RunningBot(settings):
        buyer.wait_for_text("Paid")
        # Recorded after the user's message.
        differences = [{"kind": "paid", "charge": buyer.payments()[0][3]}]
        telegram.wait_for(lambda: last_comparison(settings)["differences"] == differences)
    telegram.take_back(buyer.who, buyer.payments()[0][3])
    update_ids = [update["update_id"] for update in telegram.pending()]
    telegram.act(lambda acting: acting.world.record("confirm", update_ids=update_ids))
    with RunningBot(settings):
        buyer.wait_for_text("Refunded")
        telegram.wait_for(lambda: last_comparison(settings)["seen"] == 2)
    assert [entry[1:3] for entry in ledger(settings)] == [
        ("payment", 50),
        ("grant", 50),
        ("refund", 50),
        ("revocation", 0),
    ]
    with RunningBot(settings):
        telegram.wait_for(lambda: list_calls(telegram) == 4)
    assert len(ledger(settings)) == 4


def test_list_of_another_bot_is_read_from_its_start(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    pay_unseen(telegram, buyer)
    # The bot before this one had 500 transactions.
    last = last_comparison(settings) | {"seen": 500}
    change_rows(
        settings, "UPDATE setting SET value = ? WHERE name LIKE 'stars.%'", json.dumps(last)
    )
    with RunningBot(settings):
        telegram.wait_for(lambda: last_comparison(settings)["seen"] != 500)
    assert len(buyer.payments()) == last_comparison(settings)["seen"] == 1


def test_unknown_transactions_notify_admins_once(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    odd = {"id": "gift", "amount": 7, "date": 1795190000}
    person = {"type": "user", "user": {"id": buyer.user_id}, "invoice_payload": "nobody's"}
    out = {"type": "fragment"}
    transactions = [{**odd, "source": person}, {**odd, "id": "out", "receiver": out}, {"id": 5}]
    telegram.act(lambda acting: acting.world.transactions.extend(transactions))
    for _ in range(2):
        counts = list_calls(telegram)
        with RunningBot(settings):
            telegram.wait_for(lambda before=counts: list_calls(telegram) > before)
            telegram.wait_for(lambda: last_comparison(settings)["seen"] == 3)
    rows = select_rows(settings, "SELECT key FROM notice WHERE to_whom = 'admins' ORDER BY id")
    assert rows == [("notice-stars-unknown",)]
    assert not ledger(settings)


def backdate_ledger(settings):
    """Move the ledger's rows back by an hour, beyond the lag of Telegram's list."""
    expired_at = iso(utc_now() - timedelta(hours=1))
    is_sqlite = settings.database.startswith("sqlite:")
    guard = "ledger_no_update" if is_sqlite else "ledger_stays ON ledger"
    change_rows(settings, f"DROP TRIGGER {guard}")
    change_rows(settings, "UPDATE ledger SET at = ?", expired_at)


def test_payment_of_today_before_the_last_page_is_not_missing(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    with RunningBot(settings):
        buyer.pay()
    backdate_ledger(settings)
    fee = {"amount": 1, "date": 1795190000, "receiver": {"type": "telegram_ads"}}
    fees = [{**fee, "id": f"fee-{number}"} for number in range(150)]
    telegram.act(lambda acting: acting.world.transactions.extend(fees))
    for _ in range(2):
        before = last_comparison(settings)["at"]
        with RunningBot(settings):
            telegram.wait_for(lambda at=before: last_comparison(settings)["at"] != at)
        comparison = last_comparison(settings)
        assert (comparison["seen"], comparison["differences"]) == (151, [])


def test_payment_missing_at_telegram_is_reported(telegram, settings):
    buyer = buyer_with_invoice(telegram, settings)
    with RunningBot(settings):
        buyer.pay()
    telegram.act(lambda acting: acting.world.transactions.clear())
    backdate_ledger(settings)
    last = last_comparison(settings) | {"at": "2026-01-01T00:00:00.000000Z"}
    change_rows(
        settings, "UPDATE setting SET value = ? WHERE name LIKE 'stars.%'", json.dumps(last)
    )
    with RunningBot(settings):
        query = "SELECT COUNT(*) FROM notice WHERE key = 'notice-stars-missing'"
        telegram.wait_for(lambda: select_rows(settings, query) == [(1,)])


def test_reconciliation_runs_every_night_even_after_the_clock_was_set_back():
    night, day = datetime(2026, 11, 20, 2, tzinfo=UTC), timedelta(days=1)
    zone = ZoneInfo("Europe/Moscow")
    assert is_due(None, night, zone)
    assert is_due(night - day, night, zone)
    assert is_due(night + 9 * day, night, zone)
    assert not is_due(night, night + timedelta(hours=1), zone)
    assert not is_due(night - day, night - timedelta(hours=2), zone)
