"""Payment notifications from many threads, repeated and reordered, in processes that are killed.

`python -m tests.billing.payment_storm URL SEED THREADS MOST` reports a payment of each open
order several times and prints a line for each stored notification. The caller kills it at a random
moment.
"""

import random
import subprocess
import sys
import threading
from collections import Counter as Counts
from queue import Empty, SimpleQueue

from merlin.billing.ledger import EntryKind
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from tests.billing.plan_shop import Shop

CIPHER = Cipher({"k": b"k" * 32}, "k")


def open_shop(database):
    return Shop(database, utc_now)


def place_orders(url, count):
    """Place so many orders of seven people; return the sum to be paid, in minor units."""
    with open_database(url, cipher=CIPHER) as database:
        shop = open_shop(database)
        plans = ("plus", "voices", "algorithms")
        orders = [
            shop.order(2000 + n % 7, plans[n % 3], promo="", contact=f"{n}@example.com")
            for n in range(count)
        ]
        return sum(order.order.amount.minor for order in orders)


def notify(url, seed, threads, most):
    """Report the payment of each order 1 to `most` times, shuffled, in so many threads."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample
    with open_database(url, cipher=CIPHER) as database:
        orders = open_shop(database).billing.purchases.list_newest(1000)
        notifications = [order for order in orders for _ in range(rng.randint(1, most))]
        rng.shuffle(notifications)
        queue = SimpleQueue()
        for purchase in notifications:
            queue.put(purchase)
        workers = [
            threading.Thread(target=_apply_all, args=(database, queue)) for _ in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def _apply_all(database, queue):
    shop = open_shop(database)
    while True:
        try:
            purchase = queue.get_nowait()
        except Empty:
            return
        shop.pay(purchase, f"pay-{purchase.purchase_id}")
        sys.stdout.write("stored\n")
        sys.stdout.flush()


def run_storm(url, seed, threads=50, payments=20, most=50, kills=5):
    """Order, report payments in processes that are killed; return counts and sums of the result."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample
    ordered = place_orders(url, payments)
    notifications = sum(_run_and_kill(url, rng, threads, most) for _ in range(kills))
    completed = subprocess.run(_command(url, seed, threads, most), capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    with open_database(url, cipher=CIPHER) as database:
        shop = open_shop(database)
        assert shop.find_faults() == []
        kinds = Counts(entry.kind for entry in shop.list_entries())
        paid = sum(
            entry.amount.minor for entry in shop.list_entries() if entry.kind is EntryKind.PAYMENT
        )
        given = database.sql("SELECT COUNT(*) FROM plan_term")[0][0]
        given += database.sql("SELECT COUNT(*) FROM quota_gift WHERE format = 'voice'")[0][0]
    notifications += completed.stdout.count("stored\n")
    return {
        "notifications": notifications,
        "grants": kinds[EntryKind.GRANT],
        "given": given,
        "paid": paid,
        "ordered": ordered,
    }


def _command(url, seed, threads, most):
    return [
        sys.executable,
        "-m",
        "tests.billing.payment_storm",
        url,
        str(seed),
        str(threads),
        str(most),
    ]


def _run_and_kill(url, rng, threads, most):
    """Run the process until it has stored some notifications, and kill it; return how many."""
    command = _command(url, rng.randrange(10**6), threads, most)
    count = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for _ in range(rng.randint(1, threads)):
            count += bool(process.stdout.readline())
        process.kill()
    return count


if __name__ == "__main__":
    notify(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
