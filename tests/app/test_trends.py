"""Hourly figures: counted once from turns and ratings, and summed for trends."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.trends import (
    HOUR,
    HourFigures,
    Span,
    quantile,
    read_hours,
    read_trends,
    sum_figures,
    time_class,
    update_hours,
)
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import Question, StoredAnswer, UpdateState
from merlin.core.clock import in_zone
from tests.support.config import make_config

pytestmark = pytest.mark.integration

ANNA, BOT = 1001, 7
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def ask(sessions, turns, clock):
    """Return a function that asks and is answered after the given number of seconds."""
    session = sessions.open(ChatPlace(ANNA, ANNA))

    def ask_at(number, seconds, answer, **fields):
        turn = turns.ask(Question(session.session_id, number, ANNA, "Что?", **fields), None)
        clock.move(seconds)
        turns.write(number, answer)
        return turn.turn_id

    return ask_at


def test_hour_contains_answers_times_failures_ratings_and_costs(database, clock, ask):
    update_hours(database, clock())
    answer = StoredAnswer("Да.", provider="openai", cost_micro=120, currency="USD")
    liked = ask(1, 2, answer)
    ask(2, 2, StoredAnswer("Не знаю.", known=False))
    ask(3, 9, StoredAnswer("", ending=UpdateState.FAILED, provider="openai"))
    Ratings(database, BOT, clock).rate(liked, ANNA, Rating.UP)
    update_hours(database, clock())
    (hour,) = read_hours(database, NINE)
    assert (hour.hour, hour.answers, hour.unknown, hour.liked, hour.disliked) == (NINE, 2, 1, 1, 0)
    assert (hour.failures, hour.spent) == ({"openai": 1}, {"USD": 120})
    assert quantile(hour.times, 0.5) == pytest.approx(2, rel=0.05)


def test_late_answer_is_counted_in_the_hour_of_its_question(database, clock, ask):
    clock.move(3590)
    update_hours(database, clock())
    ask(1, 30, StoredAnswer("Да."))
    update_hours(database, clock())
    assert [(figure.hour, figure.answers) for figure in read_hours(database, NINE)] == [
        (NINE, 1),
        (NINE + HOUR, 0),
    ]


def test_missed_hours_are_counted_later_and_old_ones_deleted(database, clock, ask):
    ask(1, 1, StoredAnswer("Да."))
    clock.move(5 * 3600)
    update_hours(database, clock())
    assert [figure.answers for figure in read_hours(database, NINE)] == [1, 0, 0, 0, 0, 0]
    clock.move(91 * 24 * 3600)
    update_hours(database, clock())
    assert all(figure.hour > NINE + 5 * HOUR for figure in read_hours(database, NINE))


@given(some.lists(some.floats(0.001, 600), min_size=1), some.sampled_from([0.5, 0.95]))
def test_quantile_of_summed_hours_is_within_the_class_error(seconds, share):
    hours = [HourFigures(NINE, times={time_class(second): 1}) for second in seconds]
    result = quantile(sum_figures(NINE, hours).times, share)
    at_least = sum(second <= result * 1.06 for second in seconds)
    below = sum(second < result / 1.06 for second in seconds)
    assert at_least >= share * len(seconds) > below or below == 0


@pytest.mark.parametrize(
    ("span", "zone", "at", "points"),
    [
        # The clocks skip the hour after midnight, or repeat it.
        (Span.MONTH, "Africa/Cairo", datetime(2026, 4, 27, 12, tzinfo=UTC), 31),
        (Span.MONTH, "America/Havana", datetime(2026, 11, 5, 12, tzinfo=UTC), 31),
        (Span.WEEK, "Africa/Cairo", datetime(2026, 4, 27, 12, tzinfo=UTC), 29),
        (Span.DAY, "Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC), 24),
    ],
)
def test_points_are_parts_of_local_days_when_the_clocks_change(database, span, zone, at, points):
    ctx = Context(config=make_config(), db=database, clock=lambda: at)
    trends = read_trends(ctx, Actor.operator(), span, ZoneInfo(zone))
    starts = [in_zone(point.hour, ZoneInfo(zone)) for point in trends.points]
    assert len(starts) == points
    if span is Span.MONTH:
        assert len({start.date() for start in starts}) == points


def test_quantile_without_answers_is_none():
    assert quantile({}, 0.5) is None
    assert sum_figures(NINE - timedelta(days=1), []).answers == 0
