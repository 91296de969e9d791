"""APIs over real HTTP and real databases: one per test, and shared ones."""

import socket
from contextlib import contextmanager

import pytest

from merlin.core.server import free_ports
from tests.api.chat_api import (
    chat_client,
    erase_everybody,
    package_client,
    run_chat_api,
)
from tests.api.payment_api import reset, run_payment_api
from tests.api.running_api import VERA, run_api


@pytest.fixture
def run_client(tmp_path):
    """Return a context manager: a client of a new API with these settings."""

    @contextmanager
    def client_of(**changes):
        with run_api(tmp_path, **changes) as site:
            yield site.client

    return client_of


@pytest.fixture
def client(still_site):
    """A client of the shared API, for tests that change nothing in it."""
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
    """One API for all tests that change nothing in it: starting one takes half a second."""
    with run_api(tmp_path_factory.mktemp("still")) as site:
        yield site


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory):
    """One API for all tests that begin without people: `erased_site`."""
    with run_api(tmp_path_factory.mktemp("shared")) as site:
        yield site


@pytest.fixture
def erased_site(shared_site):
    return erase_everybody(shared_site)


@pytest.fixture(scope="session")
def shared_market(tmp_path_factory):
    """One API with a YooKassa stand-in for all payment tests; each test creates its own buyers."""
    with run_payment_api(tmp_path_factory.mktemp("market")) as site:
        yield site


@pytest.fixture
def shop(shared_market):
    """The shared payment API, its stand-in reset to default behaviour."""
    return reset(shared_market)


@pytest.fixture
def anna(shop):
    """A new buyer."""
    return shop.buyer()


@pytest.fixture
def site(tmp_path):
    """A new API with a few courses: `running_api.COURSES`."""
    with run_api(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def openai_site(tmp_path_factory):
    """Yield an API with a serving model, and its provider; shared by the tests of a file."""
    with run_chat_api(tmp_path_factory.mktemp("openai")) as (site, provider):
        yield site, provider


@pytest.fixture
def provider(openai_site):
    return openai_site[1]


@pytest.fixture(scope="module")
def openai_client(openai_site):
    """A client with one key for all tests: the number of keys per person is limited."""
    with chat_client(openai_site[0]) as client:
        yield client


@pytest.fixture(scope="module")
def sdk(openai_site):
    """A client of the openai package."""
    with package_client(openai_site[0]) as client:
        yield client


@pytest.fixture
def vera(site):
    with site.browser_client(VERA) as client:
        client.headers["Accept-Language"] = "ru"
        yield client
