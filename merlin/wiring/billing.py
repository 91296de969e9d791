"""Billing of a configuration: its gateway, and its rows for the command line."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from merlin.app.texts import Settings
from merlin.billing.orders import Billing, billing_of
from merlin.billing.plan import read_plans
from merlin.config import Config, credential
from merlin.config.shop import YooKassaConfig
from merlin.core.clock import utc_now
from merlin.db.database import Database
from merlin.db.encryption import Cipher
from merlin.providers.yookassa import YooKassaGateway
from merlin.wiring.database import opened, reading


def yookassa_gateway(shop: YooKassaConfig) -> YooKassaGateway:
    """Return the gateway of a shop at YooKassa. Raises ConfigError without its credentials."""
    shop_id, secret = credential(shop.shop_id), credential(shop.secret_key)
    return YooKassaGateway(shop, shop_id, secret)


@dataclass(frozen=True, slots=True)
class OpenBilling:
    """The billing of a configuration over an open database."""

    db: Database
    billing: Billing
    settings: Settings


@contextmanager
def read_billing(config: Config) -> Iterator[OpenBilling]:
    """Yield billing for reading. Raises NotFound before anything was recorded."""
    with reading(config) as database:
        yield _billing(config, database)


@contextmanager
def change_billing(config: Config) -> Iterator[OpenBilling]:
    """Yield billing for changing."""
    with opened(config) as database:
        yield _billing(config, database)


def _billing(config: Config, database: Database) -> OpenBilling:
    # Where no key was made yet nothing is sealed, so any key opens it.
    if not database.has_cipher:
        database.cipher = Cipher({"none": secrets.token_bytes(32)}, "none")
    plans = read_plans(config.plans)
    billing = billing_of(database, utc_now, plans, config.payments)
    return OpenBilling(database, billing, Settings(database))
