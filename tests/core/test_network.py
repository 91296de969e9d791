"""Addresses of the loopback interface."""

import pytest

from merlin.core.network import is_loopback

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"]
)
def test_network_names_and_addresses_are_recognised(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "0.0.0.0", "::", "localhost.example", "", None],  # noqa: S104 - compared
)
def test_every_other_address_is_not_loopback(host):
    assert not is_loopback(host)
