"""Payments reported repeatedly by threads of a process that is killed: each is granted once."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock

import pytest

from merlin.billing.ledger import EntryKind
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from tests.billing.plan_shop import Shop
from tests.support.ending import kill, wait_for_end
from tests.support.forked_processes import FORKS

pytestmark = pytest.mark.integration

CIPHER = Cipher({"k": b"k" * 32}, "k")


def report_payments(reported, url, seed):
    """Report the payment of each order up to four times, shuffled, in eight threads.

    `reported` is a connection, to which the number of each stored report's order is sent.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample
    sending = Lock()
    with open_database(url, cipher=CIPHER) as database:
        shop = Shop(database, utc_now)
        orders = shop.billing.purchases.list_newest(1000)
        reports = [order for order in orders for _ in range(rng.randint(1, 4))]
        rng.shuffle(reports)

        def report(order):
            shop.pay(order, f"pay-{order.purchase_id}")
            with sending:
                reported.send(order.purchase_id)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(report, reports))


def start(url, seed):
    """Start a process that reports; return it and the connection to which it reports."""
    reported, sender = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=report_payments, args=(sender, url, seed))
    process.start()
    sender.close()
    return process, reported


def receive_all(reported):
    with suppress(EOFError):
        while True:
            yield reported.recv()


def test_repeated_notifications_from_killed_processes_grant_once(url, database):
    shop = Shop(database, utc_now)
    plans = ("plus", "voices", "algorithms")
    orders = [
        shop.order(2000 + n % 7, plans[n % 3], contact=f"{n}@example.com")
        for n in range(9)
    ]
    killed, reported = start(url, 1)
    stored = [reported.recv() for _ in range(3)]
    kill(killed)
    process, reported = start(url, 2)
    stored += receive_all(reported)
    wait_for_end(process)
    assert process.exitcode == 0
    assert len(stored) > len(set(stored)) == len(orders)
    entries = shop.list_entries()
    paid = [each.amount.minor for each in entries if each.kind is EntryKind.PAYMENT]
    assert sum(paid) == sum(order.order.amount.minor for order in orders)
    assert sum(each.kind is EntryKind.GRANT for each in entries) == len(orders)
    ((terms, packs),) = database.sql(
        "SELECT (SELECT COUNT(*) FROM plan_term),"
        " (SELECT COUNT(*) FROM question_pack WHERE format = 'voice')"
    )
    assert terms + packs == len(orders)
    assert shop.find_faults() == []
