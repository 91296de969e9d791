"""Leaky buckets: how many calls fit, what headers say, and that memory has an end."""

from __future__ import annotations

import pytest

from merlin.api.rate_limits import Limiter, Policy, network_of

pytestmark = pytest.mark.unit

SIXTY = Policy("anonymous", 60)


def told(charge):
    return {name.decode(): value.decode() for name, value in charge.headers()}


def test_a_minutes_worth_fits_at_once_and_leaks_evenly():
    limiter = Limiter()
    charges = [limiter.take("a", SIXTY, 0.0) for _ in range(61)]
    assert [each.wait_s > 0 for each in charges] == [False] * 60 + [True]
    assert charges[-1].wait_s == pytest.approx(1.0)
    assert limiter.take("a", SIXTY, 0.5).wait_s == pytest.approx(0.5)
    assert limiter.take("a", SIXTY, 1.0).wait_s <= 1e-6
    assert limiter.take("a", SIXTY, 1.0).wait_s > 0


def test_refused_calls_make_nobody_wait_longer():
    limiter = Limiter()
    for _ in range(500):
        limiter.take("a", SIXTY, 0.0)
    assert limiter.take("a", SIXTY, 1.01).wait_s <= 1e-6


def test_one_does_not_use_up_anothers():
    limiter = Limiter()
    for _ in range(61):
        limiter.take("a", SIXTY, 0.0)
    assert limiter.take("b", SIXTY, 0.0).wait_s <= 1e-6


def test_headers_count_down_and_say_when_the_bucket_is_empty():
    limiter = Limiter()
    assert told(limiter.take("a", SIXTY, 5.0)) == {
        "ratelimit-policy": '"anonymous";q=60;w=60',
        "ratelimit": '"anonymous";r=59;t=1',
    }
    for _ in range(59):
        last = limiter.take("a", SIXTY, 5.0)
    assert told(last)["ratelimit"] == '"anonymous";r=0;t=60'
    assert told(limiter.take("a", SIXTY, 5.0))["ratelimit"] == '"anonymous";r=0;t=60'


def test_what_is_given_back_may_be_asked_again():
    limiter = Limiter()
    for _ in range(200):
        limiter.give_back(limiter.take("a", SIXTY, 0.0))
    assert told(limiter.take("a", SIXTY, 0.0))["ratelimit"] == '"anonymous";r=59;t=1'


def test_a_crowd_fills_no_memory_and_empty_buckets_are_forgotten():
    limiter = Limiter(most=1000)
    for number in range(5000):
        limiter.take(number, SIXTY, 0.0)
    assert len(limiter) <= 1000
    for number in range(1001):
        limiter.take(("later", number), SIXTY, 100.0)
    assert len(limiter) <= 1001


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
