"""Counts of questions by day, summed by week."""

from datetime import date

import pytest

from merlin.chat.feedback import Period, group_by_week

pytestmark = pytest.mark.unit


def test_week_starts_on_monday_and_sums_its_days():
    days = [
        Period(date(2026, 11, 15), 1, 1, 0),
        Period(date(2026, 11, 16), 2, 0, 1),
        Period(date(2026, 11, 22), 3, 1, 1),
    ]
    assert group_by_week(days) == [
        Period(date(2026, 11, 9), 1, 1, 0),
        Period(date(2026, 11, 16), 5, 1, 2),
    ]
    assert group_by_week([]) == []
