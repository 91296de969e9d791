"""The gateway to YooKassa needs two credentials."""

import pytest

from merlin.config.shop import YooKassaConfig
from merlin.core.errors import ConfigError
from merlin.wiring.context import yookassa_gateway

pytestmark = pytest.mark.unit


def test_shop_needs_both_credentials(monkeypatch):
    monkeypatch.setenv("YOOKASSA_SHOP_ID", "100500")
    with pytest.raises(ConfigError, match="YOOKASSA_SECRET_KEY"):
        yookassa_gateway(YooKassaConfig())
    monkeypatch.setenv("YOOKASSA_SECRET_KEY", "test_key-of-the-shop")
    gateway = yookassa_gateway(YooKassaConfig())
    assert "test_key-of-the-shop" not in repr(gateway)
