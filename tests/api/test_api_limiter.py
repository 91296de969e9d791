"""What headers say of the calls that are left, and whose call it is."""

from __future__ import annotations

import pytest

from merlin.api.rate_limits import Policy, charge_call, network_of
from merlin.core.rate_limit import TokenBuckets

pytestmark = pytest.mark.unit

SIXTY = Policy("anonymous", 60)


def told(charge):
    return {name.decode(): value.decode() for name, value in charge.headers()}


def test_headers_count_down_and_say_when_the_bucket_is_full():
    buckets = TokenBuckets()
    assert told(charge_call(buckets, "a", SIXTY, 5.0)) == {
        "ratelimit-policy": '"anonymous";q=60;w=60',
        "ratelimit": '"anonymous";r=59;t=1',
    }
    for _ in range(59):
        last = charge_call(buckets, "a", SIXTY, 5.0)
    assert told(last)["ratelimit"] == '"anonymous";r=0;t=60'
    assert told(charge_call(buckets, "a", SIXTY, 5.0))["ratelimit"] == '"anonymous";r=0;t=60'


def test_what_is_given_back_may_be_asked_again():
    buckets = TokenBuckets()
    for _ in range(200):
        charge_call(buckets, "a", SIXTY, 0.0).give_back()
    assert told(charge_call(buckets, "a", SIXTY, 0.0))["ratelimit"] == '"anonymous";r=59;t=1'


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
        ("2001:db8:1:2::6", "2001:db8:1:2"),
        ("2001:db8::6", "2001:db8:0:0"),
        ("::1", "0:0:0:0"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_household_of_ipv6_is_one_caller(host, network):
    assert network_of({"client": (host, 0)}) == network
    assert network_of({"client": None}) == ""
