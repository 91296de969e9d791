"""Payment notifications from many threads, repeated and reordered, in processes that are killed.

A process reports a payment of each open order several times, and tells the caller of each stored
notification. The caller kills it at a random moment.
"""

import math
import random
import threading
from collections import Counter as Counts
from contextlib import suppress
from queue import Empty, SimpleQueue

from merlin.billing.ledger import EntryKind
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from tests.billing.plan_shop import Shop
from tests.support.ending import kill, wait_for_end
from tests.support.forked_processes import FORKS

CIPHER = Cipher({"k": b"k" * 32}, "k")


def open_shop(database):
    return Shop(database, utc_now)


def place_orders(url, count):
    """Place so many orders of seven people; return the sum to be paid, in minor units."""
    with open_database(url, cipher=CIPHER) as database:
        shop = open_shop(database)
        plans = ("plus", "voices", "algorithms")
        orders = [
            shop.order(2000 + n % 7, plans[n % 3], contact=f"{n}@example.com")
            for n in range(count)
        ]
        return sum(order.order.amount.minor for order in orders)


def notify(stored, url, seed, threads, most):
    """Report the payment of each order 1 to `most` times, shuffled, in so many threads.

    `stored` is a connection, to which the number of each stored notification's order is sent.
    """
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample
    with open_database(url, cipher=CIPHER) as database:
        orders = open_shop(database).billing.purchases.list_newest(1000)
        notifications = [order for order in orders for _ in range(rng.randint(1, most))]
        rng.shuffle(notifications)
        queue = SimpleQueue()
        sending = threading.Lock()
        for purchase in notifications:
            queue.put(purchase)
        workers = [
            threading.Thread(target=_apply_all, args=(database, queue, stored, sending))
            for _ in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            wait_for_end(worker)


def _apply_all(database, queue, stored, sending):
    shop = open_shop(database)
    while True:
        try:
            purchase = queue.get_nowait()
        except Empty:
            return
        shop.pay(purchase, f"pay-{purchase.purchase_id}")
        with sending:
            stored.send(purchase.purchase_id)


def run_storm(url, seed, threads=50, payments=20, most=50, kills=5):
    """Order, report payments in processes that are killed; return counts and sums of the result."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample
    ordered = place_orders(url, payments)
    notifications = sum(_run_and_kill(url, rng, threads, most) for _ in range(kills))
    process, stored = _start(url, seed, threads, most)
    notifications += _count(stored)
    wait_for_end(process)
    assert process.exitcode == 0
    with open_database(url, cipher=CIPHER) as database:
        shop = open_shop(database)
        assert shop.find_faults() == []
        kinds = Counts(entry.kind for entry in shop.list_entries())
        paid = sum(
            entry.amount.minor
            for entry in shop.list_entries()
            if entry.kind is EntryKind.PAYMENT
        )
        given = database.sql("SELECT COUNT(*) FROM plan_term")[0][0]
        given += database.sql(
            "SELECT COUNT(*) FROM question_pack WHERE format = 'voice'"
        )[0][0]
    return {
        "notifications": notifications,
        "grants": kinds[EntryKind.GRANT],
        "given": given,
        "paid": paid,
        "ordered": ordered,
    }


def _start(*arguments):
    """Start a process that notifies; return it and the connection to which it reports."""
    stored, sender = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=notify, args=(sender, *arguments))
    process.start()
    sender.close()
    return process, stored


def _count(stored, most=math.inf):
    """Return how many notifications are stored until the process ends, or `most` are."""
    count = 0
    with suppress(EOFError):
        while count < most:
            stored.recv()
            count += 1
    return count


def _run_and_kill(url, rng, threads, most):
    """Run the process until it has stored some notifications, and kill it; return how many."""
    process, stored = _start(url, rng.randrange(10**6), threads, most)
    count = _count(stored, rng.randint(1, threads))
    kill(process)
    return count
