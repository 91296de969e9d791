"""Store an order that waits for payment, as the bot would store it."""

from datetime import timedelta
from pathlib import Path

from bench.chat_loads import FIRST_CHAT
from merlin.billing.purchases import ID_LENGTH, Order, Promise, Purchases
from merlin.config.shop import Format
from merlin.core.money import stars
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.tables import PURCHASE
from merlin.providers.payments import Gateway

BUYER = FIRST_CHAT - 2
PRICE = 1
# The load's bot pays for an order whose id it knows before it is created.
PAYLOAD = "b" * ID_LENGTH


def store_order(state: Path) -> None:
    """Store an order of BUYER, a package for one Star, in the SQLite file below `state`."""
    cipher = load_or_make_key(state, None)
    with open_database(f"sqlite://{state}/merlin.db", cipher=cipher) as database:
        rows = Purchases(database)
        promise = Promise("pack", {"ru": "Пакет", "en": "Pack"}, pack={Format.TEXT: 1})
        order = Order(BUYER, Gateway.STARS, promise, stars(PRICE))
        placed = rows.order(order, timedelta(days=1))
        database.transact(
            lambda: database.update(PURCHASE, PURCHASE.id == placed.purchase_id, id=PAYLOAD)
        )
