"""Addresses of hosts and networks, and what is fetched from them."""

import pytest

from merlin.core.errors import ConfigError
from merlin.core.network import (
    fetch_url,
    is_host,
    is_in_networks,
    is_loopback,
    postgresql_parameters,
    url_place,
)
from tests.support.http_servers import Handler, serve_http

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - compared
        ("::", False),
        ("localhost.example", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_recognised_by_name_and_address(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", True),
        ("fe80::1%eth0", True),
        ("merlin_api.example.", True),
        ("школа.рф", True),
        ("-a.example", False),
        ("a b", False),
        ("", False),
    ],
)
def test_host_is_an_address_or_a_possible_name(host, expected):
    assert is_host(host) == expected


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (("0.0.0.0", 80), "127.0.0.1:80"),  # noqa: S104 - compared
        (("::", 80), "[::1]:80"),
        (("2001:db8::7", 80), "[2001:db8::7]:80"),
        (("merlin.example", 80), "merlin.example:80"),
    ],
)
def test_server_on_all_addresses_is_reached_over_loopback(address, place):
    assert url_place(address) == place


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::7", True),
        ("11.1.2.3", False),
        ("localhost", False),
    ],
)
def test_address_is_looked_up_in_networks(host, expected):
    assert is_in_networks(host, ("10.0.0.0/8", "2001:db8::/32")) == expected


class _Page(Handler):
    def get(self):
        if self.path == "/page":
            self.answer(200, b"hello", "text/plain")
        else:
            self.wfile.write(b"no HTTP\r\n")


def test_page_of_this_machine_is_fetched_past_the_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serve_http(_Page) as server:
        headers, content = fetch_url(f"{server.url}/page", 10)
        assert (headers["Content-Type"], content) == ("text/plain", b"hello")
        with pytest.raises(OSError, match="BadStatusLine"):
            fetch_url(f"{server.url}/other", 10)


def test_parameters_of_postgresql_come_from_the_address_and_the_environment(
    monkeypatch,
):
    monkeypatch.setenv("PGUSER", "vera")
    parameters = postgresql_parameters("postgresql://db.example:5433/merlin")
    assert parameters["host"] == "db.example"
    assert parameters["port"] == "5433"
    assert parameters["user"] == "vera"


def test_address_that_postgresql_does_not_take_is_refused():
    with pytest.raises(ConfigError) as caught:
        postgresql_parameters("postgresql://anna:secret@db.example:5433/merlin?a=b")
    assert caught.value.key == "config-database-url"
    assert "secret" not in str(caught.value)
