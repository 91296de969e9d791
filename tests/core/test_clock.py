"""Moments at the edges of what can be stored, waits, pauses, and a clock that was set."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from merlin.core.clock import (
    Backoff,
    ClockSteps,
    from_iso,
    in_zone,
    is_recent,
    is_waiting,
    is_zone,
    iso,
    start_of_day,
    utc_now,
    zone_of,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_moment_is_stored_in_utc_and_read_as_the_same_one():
    moment = datetime(2026, 11, 20, 12, 0, 0, 5, tzinfo=ZoneInfo("Europe/Moscow"))
    assert iso(moment) == "2026-11-20T09:00:00.000005+00:00"
    assert from_iso(iso(moment)) == moment
    assert from_iso(iso(moment)).tzinfo == UTC
    assert utc_now().tzinfo == UTC


@pytest.mark.parametrize(
    ("edge", "zone", "year"),
    [
        (datetime.max.replace(tzinfo=UTC), "Asia/Tokyo", 9999),
        (datetime.min.replace(tzinfo=UTC), "America/Los_Angeles", 1),
    ],
)
def test_moment_at_the_edge_is_shifted_into_what_a_zone_can_express(edge, zone, year):
    assert in_zone(edge, ZoneInfo(zone)).year == year


@pytest.mark.parametrize(
    "name",
    [
        *("Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b"),
        *("", "Moscow", "Европа/Москва", "x" * 999),
    ],
)
def test_unknown_zone_is_told_and_read_as_utc(name):
    assert not is_zone(name)
    assert zone_of(name) == UTC
    assert is_zone("UTC")
    assert zone_of("Europe/Moscow") == ZoneInfo("Europe/Moscow")


def test_day_starts_at_midnight_of_its_zone():
    start = start_of_day(date(2026, 11, 20), ZoneInfo("Europe/Moscow"))
    assert iso(start) == "2026-11-19T21:00:00.000000+00:00"


@pytest.mark.parametrize(
    ("ago", "expected"), [(HOUR / 2, True), (HOUR, False), (-HOUR / 2, False)]
)
def test_only_a_past_moment_is_recent(ago, expected):
    assert is_recent(NOW - ago, NOW, HOUR) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(HOUR, True), (timedelta(0), False), (2 * HOUR, False)],
)
def test_wait_that_would_last_too_long_is_over(left, expected):
    assert is_waiting(NOW + left, NOW, HOUR) == expected


def test_clock_that_was_set_is_noticed_once(monkeypatch):
    steps = ClockSteps()
    assert not steps.has_stepped()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    assert [steps.has_stepped(), steps.has_stepped()] == [True, False]


def test_pauses_double_up_to_the_longest_and_begin_anew():
    passed_s = 0.0
    pauses = Backoff(1, 5, monotonic=lambda: passed_s)
    assert pauses.left_s == 0
    assert [pauses.begin() for _ in range(4)] == [1, 2, 4, 5]
    passed_s = 2.0
    assert pauses.left_s == 3
    pauses.reset()
    assert pauses.begin() == 1
    assert pauses.begin(least_s=3) == 3
