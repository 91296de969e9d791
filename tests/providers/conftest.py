"""Fixtures of the provider tests: the stand-in of YooKassa and a gateway to it."""

import sys

import pytest

from tests.providers.yookassa_calls import open_gateway
from tests.support.stand_ins import YooKassaStandIn


@pytest.fixture(scope="module")
def module_yookassa():
    with YooKassaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def yookassa(module_yookassa):
    """The stand-in of YooKassa, without faults of other tests."""
    yield module_yookassa
    module_yookassa.faults.clear()


@pytest.fixture
def gateway(yookassa):
    with open_gateway(yookassa.base_url) as gateway:
        yield gateway


@pytest.fixture
def set_interpreter(monkeypatch):
    """Return a function that sets the program which children of this process are started with."""
    return lambda path: monkeypatch.setattr(sys, "executable", path)
