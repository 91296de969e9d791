"""The till that takes roubles, of a configuration."""

from __future__ import annotations

from merlin.billing.selling import YooKassaConfig
from merlin.config import credential
from merlin.providers.yookassa import YooKassaGateway


def gateway_of(shop: YooKassaConfig) -> YooKassaGateway:
    """Return who asks YooKassa for a shop. Raises ConfigError without its credentials."""
    shop_id, secret = credential(shop.shop_id), credential(shop.secret_key)
    return YooKassaGateway(shop, shop_id, secret)
