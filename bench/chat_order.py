"""An order that waits to be paid, stored as the bot would have stored it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from bench.chat_loads import FIRST_CHAT
from merlin.billing.purchases import ID_LENGTH, Order, Promise, Purchases
from merlin.core.money import stars
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.providers.payments import Gateway

BUYER = FIRST_CHAT - 2
PRICE = 1
_KEY = "bench"
# Under a key of its own an order has a number that is known before it is made.
PAYLOAD = sha256(_KEY.encode()).hexdigest()[:ID_LENGTH]


def let_order(state: Path) -> None:
    """Let BUYER have ordered something for a Star, in the SQLite file below `state`."""
    cipher = load_or_make_key(state, None)
    with open_database(f"sqlite://{state}/merlin.db", cipher=cipher) as database:
        rows = Purchases(database)
        promise = Promise("pack", {"ru": "Пакет", "en": "Pack"}, 30)
        order = Order(BUYER, Gateway.STARS, promise, stars(PRICE))
        made = rows.order(order, timedelta(days=1), _KEY)
    if made.purchase_id != PAYLOAD:
        raise AssertionError(f"the order is {made.purchase_id}, not {PAYLOAD}")
