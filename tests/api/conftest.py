"""The api over real HTTP, with a desk in the place of the database."""

from __future__ import annotations

import dataclasses
import socket
from contextlib import contextmanager

import httpx
import pytest
from api_world import Desk, services_of, serving
from door_world import asker, opened
from pay_world import as_new, market
from site_world import running
from waiting import longest

from merlin.api.app import create_app
from merlin.core.server import free_ports


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def serve_with(desk):
    """Give a client of an api of its own, whose services differ in the named ones."""

    @contextmanager
    def client_of(**changes):
        app = create_app(dataclasses.replace(services_of(desk), **changes))
        with serving(app) as address, httpx.Client(base_url=address, timeout=longest()) as client:
            yield client

    return client_of


@pytest.fixture(scope="session")
def shared_api():
    """One api for all tests that leave nothing behind in it; a start costs a fifth of a second."""
    app = create_app(services_of(Desk()))
    with serving(app) as address, httpx.Client(base_url=address, timeout=longest()) as client:
        yield app, client


@pytest.fixture
def client(shared_api, desk):
    app, client = shared_api
    app.state.services = services_of(desk)
    return client


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
    """An api of its own with a few courses: `site_world.COURSES`."""
    with running(tmp_path) as site:
        yield site


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """One api with a model at its door for all tests of a file; the site, and the provider."""
    with opened(tmp_path_factory.mktemp("door")) as (site, provider):
        yield site, provider


@pytest.fixture(scope="module")
def door_client(door):
    """One key for all: a person has only so many."""
    with asker(door[0]) as client:
        yield client
