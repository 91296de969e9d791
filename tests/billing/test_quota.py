"""What is left of a plan, and when a person's day and month begin."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from merlin.billing.quota import (
    Allowance,
    Format,
    Left,
    Period,
    QuestionPack,
    compute_left,
    today,
)
from merlin.core.clock import zone_of

pytestmark = pytest.mark.unit

MOSCOW = zone_of("Europe/Moscow")
NEW_YORK = zone_of("America/New_York")
LATE = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
ZONES = ["UTC", "Europe/Moscow", "Pacific/Kiritimati", "Africa/Cairo", "America/Havana"]


def test_day_depends_on_the_users_time_zone():
    assert [today(LATE, zone).day for zone in (UTC, MOSCOW, NEW_YORK)] == [
        "2026-11-30",
        "2026-12-01",
        "2026-11-30",
    ]
    assert today(LATE, MOSCOW).month == "2026-12"


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(ZONES),
)
def test_next_day_begins_where_a_day_ends(moment, name):
    zone = zone_of(name)
    now = today(moment.replace(tzinfo=UTC), zone)
    assert now.day_ends <= now.month_ends
    last = now.day_ends - timedelta(microseconds=1)
    assert today(last, zone).day == now.day < today(now.day_ends, zone).day
    last = now.month_ends - timedelta(microseconds=1)
    assert today(last, zone).month == now.month < today(now.month_ends, zone).month


@pytest.mark.parametrize(
    ("allowance", "used", "is_free"),
    [
        (Allowance(), (99, 999), True),
        (Allowance(day=0), (0, 0), False),
        (Allowance(day=2), (1, 50), True),
        (Allowance(day=2), (2, 2), False),
        (Allowance(day=2, month=5), (0, 5), False),
        (Allowance(month=5), (4, 4), True),
    ],
)
def test_question_is_free_when_neither_day_nor_month_is_used_up(
    allowance, used, is_free
):
    left = compute_left(Format.TEXT, allowance, used, today(LATE, UTC))
    assert (left.remaining is None or left.remaining > 0) is is_free


@pytest.mark.parametrize(
    ("allowance", "used", "shown"),
    [
        (Allowance(day=20, month=30), (3, 3), (3, 20, Period.DAY)),
        (Allowance(day=20, month=30), (3, 28), (28, 30, Period.MONTH)),
        (Allowance(day=20, month=30), (20, 30), (30, 30, Period.MONTH)),
        (Allowance(month=30), (1, 4), (4, 30, Period.MONTH)),
        (Allowance(), (1, 4), (1, None, Period.DAY)),
    ],
)
def test_tighter_period_is_shown(allowance, used, shown):
    left = compute_left(Format.TEXT, allowance, used, today(LATE, UTC))
    assert (left.used, left.limit, left.period) == shown


@pytest.mark.parametrize(
    ("ends_in_s", "remaining"), [(None, 3), (1, 3), (0, 0), (-1, 0)]
)
def test_pack_has_its_unused_questions_until_it_ends(ends_in_s, remaining):
    ends = None if ends_in_s is None else LATE + timedelta(seconds=ends_in_s)
    pack = QuestionPack(1001, Format.VOICE, 5, "grant:1:voice", ends, used=2)
    assert pack.remaining(LATE) == remaining


def test_packs_add_to_the_remaining_quota_even_above_a_lowered_limit():
    left = Left(
        kind=Format.VOICE, used=9, limit=5, period=Period.DAY, resets_at=LATE, packs=2
    )
    assert left.remaining == 2
