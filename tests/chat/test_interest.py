"""Days of questions, summed up to weeks."""

from __future__ import annotations

from datetime import date

import pytest

from merlin.chat.feedback import Stretch, by_week

pytestmark = pytest.mark.unit


def test_a_week_begins_on_monday_and_sums_its_days():
    days = [
        Stretch(date(2026, 11, 15), 1, 1, 0),
        Stretch(date(2026, 11, 16), 2, 0, 1),
        Stretch(date(2026, 11, 22), 3, 1, 1),
    ]
    assert by_week(days) == [
        Stretch(date(2026, 11, 9), 1, 1, 0),
        Stretch(date(2026, 11, 16), 5, 1, 2),
    ]
    assert by_week([]) == []
