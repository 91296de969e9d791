"""Apis over real HTTP and real databases, alone and shared."""

from __future__ import annotations

import socket
from contextlib import contextmanager

import pytest

from merlin.core.server import free_ports
from tests.api.chat_api import asker, run_asking_site
from tests.api.payment_api import as_new, market
from tests.api.running_api import running


@pytest.fixture
def serve_with(tmp_path):
    """Give a client of an api of its own, with these settings."""

    @contextmanager
    def client_of(**changes):
        with running(tmp_path, **changes) as site:
            yield site.client

    return client_of


@pytest.fixture
def client(still_site):
    """Give a client of an api in which nothing is left behind."""
    return still_site.client


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def free_port():
    return free_ports(1)[0]


@pytest.fixture(scope="session")
def still_site(tmp_path_factory):
    """The same for all tests that leave nothing behind in it; a start costs half a second."""
    with running(tmp_path_factory.mktemp("still")) as site:
        yield site


@pytest.fixture(scope="session")
def shared_market(tmp_path_factory):
    """One shop with its stand-in for all tests about paying; everybody who buys there is new."""
    with market(tmp_path_factory.mktemp("market")) as made:
        yield made


@pytest.fixture
def shop(shared_market):
    """The shop, with a stand-in that behaves."""
    return as_new(shared_market)


@pytest.fixture
def site(tmp_path):
    """An api of its own with a few courses: `api_site.COURSES`."""
    with running(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def openai_site(tmp_path_factory):
    """Yield an api with a serving model, and its provider; one for all tests of a file."""
    with run_asking_site(tmp_path_factory.mktemp("openai")) as (site, provider):
        yield site, provider


@pytest.fixture(scope="module")
def openai_client(openai_site):
    """One key for all: a person has only so many."""
    with asker(openai_site[0]) as client:
        yield client
