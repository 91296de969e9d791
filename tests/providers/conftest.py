"""Fixtures of the provider tests: a provider, the stand-in of YooKassa and a gateway to it."""

import sys
from contextlib import closing

import pytest

from merlin.providers.openai_training import OpenAIProvider
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


@pytest.fixture
def provider(server):
    """A client of the scripted server."""
    with closing(OpenAIProvider(server.base_url, "sk-test-credential-1")) as provider:
        yield provider
