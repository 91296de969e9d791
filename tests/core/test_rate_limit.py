"""Token buckets: capacity, waits, bounded memory."""

import pytest
from hypothesis import given, strategies as st

from merlin.core.rate_limit import TokenBucket, TokenBuckets

pytestmark = pytest.mark.unit


def test_bucket_holds_a_minutes_worth_and_refills_evenly():
    bucket = TokenBucket(1.0, 60)
    assert [bucket.take(0.0) for _ in range(61)] == [0.0] * 60 + [1.0]
    assert bucket.full_in_s(0.0) == 60.0
    assert (bucket.take(0.5), bucket.take(1.0), bucket.take(1.5)) == (0.5, 0.0, 0.5)
    assert bucket.take(1000.0) == 0.0
    assert bucket.full_in_s(1000.0) == 1.0


def test_refused_calls_do_not_lengthen_the_wait():
    bucket = TokenBucket(1.0, 60)
    for _ in range(500):
        bucket.take(0.0)
    assert bucket.take(1.01) == 0.0


def test_token_that_is_given_back_can_be_taken_again():
    bucket = TokenBucket(1.0, 2)
    assert [bucket.take(0.0), bucket.take(0.0)] == [0.0, 0.0]
    bucket.give_back()
    assert [bucket.take(0.0), bucket.take(0.0)] == [0.0, 1.0]


def test_rounding_errors_refuse_nothing():
    bucket = TokenBucket(7 / 60, 7)
    assert [bucket.take(1e5) for _ in range(7)] == [0.0] * 7
    assert bucket.take(1e5 + 60 / 7) == 0.0


def test_bucket_of_one_does_not_require_a_second_token():
    bucket = TokenBucket(1.0, 1)
    assert bucket.has(2, 0.0)
    bucket.reserve(0.0)
    assert not bucket.has(2, 0.5)
    assert bucket.has(2, 1.0)


@given(
    per_s=st.floats(0.1, 50),
    burst=st.integers(1, 10),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=40),
)
def test_bucket_never_allows_more_than_burst_and_rate(per_s, burst, gaps):
    bucket = TokenBucket(per_s, burst)
    now = 0.0
    times = []
    for gap in gaps:
        now += gap
        times.append(now + bucket.reserve(now))
    for index, time in enumerate(times):
        count = sum(time <= other_time <= time + 1 for other_time in times[index:])
        assert count <= burst + per_s + 1


def test_buckets_are_independent():
    buckets = TokenBuckets()
    for _ in range(61):
        buckets.get("a", 1.0, 60, 0.0).take(0.0)
    assert buckets.get("a", 1.0, 60, 0.0).take(0.0) == 1.0
    assert buckets.get("b", 1.0, 60, 0.0).take(0.0) == 0.0


def test_number_of_buckets_is_limited_and_full_ones_are_dropped():
    buckets = TokenBuckets(max_buckets=1000)
    for number in range(5000):
        buckets.get(number, 1.0, 60, 0.0).take(0.0)
    assert len(buckets) <= 1000
    for number in range(1001):
        buckets.get(("later", number), 1.0, 60, 100.0).take(100.0)
    assert len(buckets) <= 1000
