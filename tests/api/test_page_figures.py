"""Curves, bars, diffs and amounts, as numbers before they are drawn."""

import pytest

from merlin.api.pages.formatting import MAX_ROWS, diff_rows
from merlin.core.charts import (
    MAX_POINTS,
    choose_top,
    place_shares,
    plot_curve,
    stack_bars,
)

pytestmark = pytest.mark.unit


def test_empty_losses_produce_no_curve():
    assert plot_curve([], [], 100, "ru") is None


def test_curve_is_logarithmic_and_spans_the_whole_job():
    curve = plot_curve([(0, 4.0), (50, 1.0)], [(50, 2.0), (60, 2.0)], 100, "ru", {50})
    assert curve.train == "0,0 500,300"
    assert curve.dots == ((500, 150),)
    assert (curve.highest, curve.lowest, curve.last_step) == ("4,000", "1,000", "100")


@pytest.mark.parametrize(
    ("train", "total"),
    [([(0, 0.0)], 0), ([(5, 1e-9)], 0), ([(1, 1e9)], 3), ([(0.5, 0.1), (1, 0.1)], 0)],
)
def test_extreme_losses_still_produce_a_valid_curve(train, total):
    curve = plot_curve(train, [], total, "ru")
    places = [
        float(value) for point in curve.train.split() for value in point.split(",")
    ]
    assert all(0 <= value <= 1000 for value in places)


def test_long_job_is_plotted_with_limited_points_including_the_last():
    curve = plot_curve([(step, 1.0) for step in range(5000)], [], 5000, "ru")
    points = curve.train.split()
    assert len(points) <= MAX_POINTS + 1
    assert points[-1].startswith("999.8,")


def test_shares_are_in_the_middle_of_their_columns():
    assert place_shares([1.0, 0.25]) == [(25, 0), (75, 75)]
    assert place_shares([]) == []


def test_bars_stand_on_each_other_and_the_highest_fits():
    assert stack_bars([(1, 2, 0), (0, 0, 0)], 4) == [
        [(75, 25), (25, 50), (25, 0)],
        [(100, 0), (100, 0), (100, 0)],
    ]


@pytest.mark.parametrize(
    ("highest", "top"),
    [
        (1, 2),
        (2, 2),
        (3, 4),
        (5, 6),
        (7, 8),
        (9, 10),
        (10, 12),
        (25, 30),
        (100, 120),
        (990, 1000),
    ],
)
def test_axis_ends_at_an_even_number_that_reads_well(highest, top):
    assert choose_top(highest) == top


def test_lines_that_differ_are_shown_side_by_side_with_those_around():
    old = ["old", *"bcdefghi", "gone"]
    new = ["new", "more", *"bcdefghi"]
    rows = diff_rows("\n".join(old), "\n".join(new))
    assert [(row.old, row.new, row.is_changed) for row in rows] == [
        ((1, "old"), (1, "new"), True),
        ((0, ""), (2, "more"), True),
        *(
            (((place + 2, word), (place + 3, word), False))
            for place, word in enumerate("bcd")
        ),
        ((0, ""), (0, ""), False),
        *(
            (((place + 7, word), (place + 8, word), False))
            for place, word in enumerate("ghi")
        ),
        ((10, "gone"), (0, ""), True),
    ]
    assert diff_rows("a", "a") == []
    assert len(diff_rows(None, "a\n" * 5000)) == MAX_ROWS + 1
