"""Payment notifications from many threads, repeated and reordered, in processes that are killed.

`python -m tests.billing.payment_storm URL SEED THREADS MOST` reports a payment for every open
order and prints a line for each report that was stored. The caller kills it at a random moment.
"""

from __future__ import annotations

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
from tests.billing.plan_shop import Counter

CIPHER = Cipher({"k": b"k" * 32}, "k")


def counter(database):
    return Counter(database, utc_now)


def placed(url, payments):
    """Order so many things by as many people; return what is to be paid, in minor units."""
    with open_database(url, cipher=CIPHER) as database:
        shop = counter(database)
        plans = ("plus", "voices", "algorithms")
        orders = [
            shop.order(2000 + n % 7, plans[n % 3], promo="", contact=f"{n}@example.com")
            for n in range(payments)
        ]
        return sum(order.order.amount.minor for order in orders)


def tell(url, seed, threads, most):
    """Tell of each order's payment 1 to `most` times, shuffled, in so many threads."""
    dice = random.Random(seed)  # noqa: S311 - a test's own dice
    with open_database(url, cipher=CIPHER) as database:
        orders = counter(database).billing.purchases.newest(1000)
        tellings = [order for order in orders for _ in range(dice.randint(1, most))]
        dice.shuffle(tellings)
        waiting = SimpleQueue()
        for each in tellings:
            waiting.put(each)
        told = [threading.Thread(target=_tell, args=(database, waiting)) for _ in range(threads)]
        for each in told:
            each.start()
        for each in told:
            each.join()


def _tell(database, waiting):
    shop = counter(database)
    while True:
        try:
            purchase = waiting.get_nowait()
        except Empty:
            return
        shop.pay(purchase, f"pay-{purchase.purchase_id}")
        sys.stdout.write("told\n")
        sys.stdout.flush()


def storm(url, seed, threads=50, payments=20, most=50, kills=5):
    """Let it all happen; return how many tellings, grants, and what was paid and was to be paid."""
    dice = random.Random(seed)  # noqa: S311 - a test's own dice
    wanted = placed(url, payments)
    tellings = sum(_killed(url, dice, threads, most) for _ in range(kills))
    completed = subprocess.run(_command(url, seed, threads, most), capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    with open_database(url, cipher=CIPHER) as database:
        shop = counter(database)
        assert shop.faults() == []
        kinds = Counts(entry.kind for entry in shop.entries())
        paid = sum(
            entry.amount.minor for entry in shop.entries() if entry.kind is EntryKind.PAYMENT
        )
        things = database.sql("SELECT COUNT(*) FROM plan_term")[0][0]
        things += database.sql("SELECT COUNT(*) FROM quota_gift WHERE format = 'voice'")[0][0]
    tellings += completed.stdout.count("told\n")
    return {
        "tellings": tellings,
        "grants": kinds[EntryKind.GRANT],
        "given": things,
        "paid": paid,
        "wanted": wanted,
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


def _killed(url, dice, threads, most):
    """Run the tellers until some were told, and kill them in the midst; return how many were."""
    command = _command(url, dice.randrange(10**6), threads, most)
    seen = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as each:
        for _ in range(dice.randint(1, threads)):
            seen += bool(each.stdout.readline())
        each.kill()
    return seen


if __name__ == "__main__":
    tell(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
