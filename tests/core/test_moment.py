"""Dates and times as texts."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from merlin.cli.output import format_cell
from merlin.core.i18n import format_moment

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 20, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "expected"),
    [
        ("ru", "Europe/Moscow", "20 ноября 2026, 13:12"),
        ("en", "Europe/Moscow", "20 November 2026, 13:12"),
        ("ru", "Pacific/Kiritimati", "21 ноября 2026, 00:12"),
    ],
)
def test_time_is_formatted_in_the_language_and_the_zone(language, zone, expected):
    assert format_moment(AT, ZoneInfo(zone), language) == expected


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "America/Los_Angeles"])
def test_earliest_and_latest_times_are_formatted_in_every_zone(zone):
    last = format_moment(datetime.max.replace(tzinfo=UTC), ZoneInfo(zone), "en")
    assert last.startswith(("30 December 9999", "31 December 9999"))
    first = format_moment(datetime.min.replace(tzinfo=UTC), ZoneInfo(zone), "en")
    assert first.startswith(("1 January 1", "2 January 1"))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_latest_time_is_shown_on_a_machine_in_any_zone(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert format_cell(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)).startswith(
            "9999-12-31"
        )
    finally:
        monkeypatch.undo()
        time.tzset()


def test_every_month_has_a_full_and_a_short_name():
    for language in ("ru", "en"):
        months = {
            (
                format_moment(
                    AT.replace(month=month), UTC, language, is_brief=is_brief
                ),
                is_brief,
            )
            for month in range(1, 13)
            for is_brief in (False, True)
        }
        assert len(months) == 24


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (AT, "20 ноя, 10:12"),
        (AT.replace(year=2027), "20 ноя 2026, 10:12"),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "20 ноя, 10:12"),
    ],
)
def test_short_time_has_its_year_if_it_is_not_this_one(now, expected):
    assert format_moment(AT, UTC, "ru", now=now, is_brief=True) == expected
    names_year = "2026" in expected
    english = format_moment(AT, UTC, "en", now=now, is_brief=True)
    assert english == ("20 Nov 2026, 10:12" if names_year else "20 Nov, 10:12")
