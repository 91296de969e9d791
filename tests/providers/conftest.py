"""The stand-in of YooKassa, and the gateway that calls it."""

from __future__ import annotations

import pytest

from merlin.sandbox.yookassa.server import YooKassaStandIn
from tests.providers.yookassa_calls import gateway_at


@pytest.fixture(scope="module")
def standing_shop():
    with YooKassaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def shop(standing_shop):
    """The stand-in of the till, without a fault that another test left."""
    yield standing_shop
    standing_shop.faults.clear()


@pytest.fixture
def gateway(shop):
    with gateway_at(shop.base_url) as made:
        yield made
