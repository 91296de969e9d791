"""How Merlin does: trends by time, who is alive, what waits, what failed, money, disk, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.pages.errors import PageRoute
from merlin.api.pages.formatting import day, money, number
from merlin.api.pages.page import Keeping, PageRequest, render_page
from merlin.app.health import HealthView, ProcessView, health, runbook
from merlin.app.trends import MoneyDay, Span, Trends, quantile, trends
from merlin.core import time_charts
from merlin.core.charts import Tick
from merlin.core.clock import in_zone
from merlin.core.heartbeat import describe_step
from merlin.core.money import MICRO
from merlin.core.web.assets import NEVER_KEPT
from merlin.db.notices import cause_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_ALARMS = 20
# A queue whose oldest entry waits that long is told by colour, too.
_LATE_S = 300
# Half of the answers came within the first share, nearly all within the second.
_HALF, _NEARLY_ALL = 0.5, 0.95
# Less money is not told apart.
_CENT = 0.01
_PROCESSES = ("bot", "daemon", "api", "engine")


@dataclass(frozen=True, slots=True)
class Card:
    """One small chart: its figure of now, what it says in a sentence, the names of its series."""

    name: str
    figure: str
    told: str
    chart: time_charts.TimeChart | None
    keys: Sequence[tuple[str, str]] = ()


@router.get("/admin/health")
async def show(visit: Keeping, span: Span = Span.DAY) -> Response:
    """Return how Merlin does."""
    found = await visit.read(health, _ALARMS)
    trend = await visit.read(trends, span, visit.zone)
    now = visit.services.clock()
    view = {
        "health": found,
        "processes": _by_kind(found),
        "span": span,
        "spans": Span,
        "cards": _cards(visit, trend),
        "is_calm": _is_calm(found, now),
        "now": now,
        "zone": now.astimezone(visit.zone).tzname(),
        "late_s": _LATE_S,
        "step": partial(describe_step, visit.language),
        "runbooks": [runbook(visit.language, cause) for cause in _causes(found)],
    }
    return render_page(visit, "admin_health.html", view, keep=NEVER_KEPT)


def _causes(found: HealthView) -> list[str]:
    """Return the causes of the newest alarms, each once."""
    return [*filter(None, dict.fromkeys(cause_of(alarm.key) for alarm in found.alarms))]


def _is_calm(found: HealthView, now: datetime) -> bool:
    """Return whether the daemon works, no process is silent and nothing has waited for long."""
    has_daemon = any(process.process == "daemon" for process in found.processes)
    waits = ((now - queue.oldest).total_seconds() for queue in found.queues if queue.oldest)
    return (
        has_daemon
        and all(process.alive for process in found.processes)
        and max(waits, default=0) <= _LATE_S
    )


def _by_kind(found: HealthView) -> dict[str, list[ProcessView]]:
    """Return the processes of each kind, those that are not there too."""
    kinds = {*_PROCESSES, *(process.process for process in found.processes)}
    ordered = [*_PROCESSES, *sorted(kinds - {*_PROCESSES})]
    return {
        kind: [process for process in found.processes if process.process == kind]
        for kind in ordered
    }


def _cards(visit: PageRequest, trend: Trends) -> list[Card]:
    names = [_point_name(visit, trend.span, point.hour) for point in trend.points]
    columns = time_charts.draw_columns(names)
    return [
        _answers(visit, trend, columns),
        _times(visit, trend, columns),
        _failures(visit, trend, columns),
        _ratings(visit, trend, columns),
        *(_money(visit, currency, days) for currency, days in trend.money.items()),
    ]


def _point_name(visit: PageRequest, span: Span, at: datetime) -> str:
    local = in_zone(at, visit.zone)
    return f"{local:%H:%M}" if span is Span.DAY else day(visit, local.date())


def _answers(visit: PageRequest, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    counts = [point.answers for point in trend.points]
    scale = time_charts.linear_scale(len(counts), max(counts))
    words = visit.say(
        "trend-answers-usual" if trend.usual is not None else "trend-answers-now",
        span=trend.span.value,
        now=trend.this_hour,
        usual=trend.usual or 0,
    )
    if not trend.total.answers:
        words = visit.say("trend-none")
    rows = time_charts.AREA.rows(scale, visit.language)
    chart = time_charts.TimeChart(rows, columns)
    if any(counts):
        area, line = time_charts.draw_area(scale, counts), time_charts.draw_line(scale, counts)
        chart = replace(chart, area=area, lines=(("", line),))
    return Card("answers", number(visit, trend.total.answers), words, chart)


def _seconds(visit: PageRequest, value: float | None) -> str:
    if value is None:
        return "–"
    digits = 0 if value >= 10 or value == int(value) else 1 if value >= 1 else 2  # noqa: PLR2004
    return visit.say("seconds-brief", seconds=number(visit, value, digits))


def _times(visit: PageRequest, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    half, nearly = (quantile(trend.total.times, share) for share in (_HALF, _NEARLY_ALL))
    lines = [
        (style, [quantile(point.times, share) for point in trend.points])
        for style, share in (("t", _NEARLY_ALL), ("", _HALF))
    ]
    known = [value for _, values in lines for value in values if value is not None]
    # What takes less than an eighth of a second lies on the lower axis.
    ends = max(min(known, default=0.5), 0.125), max(*known, 0.5) if known else 8.0
    scale = time_charts.log_scale(len(trend.points), *ends)
    rows = time_charts.AREA.rows(scale, visit.language)
    drawn = tuple((style, time_charts.draw_line(scale, values)) for style, values in lines)
    chart = time_charts.TimeChart(rows, columns, lines=drawn)
    words = (
        visit.say("trend-times", nearly=_seconds(visit, nearly))
        if half
        else visit.say("trend-none")
    )
    keys = (("", visit.say("trend-half")), ("t", visit.say("trend-nearly-all")))
    return Card("times", _seconds(visit, half), words, chart, keys)


def _failures(visit: PageRequest, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    counts = [sum(point.failures.values()) for point in trend.points]
    failed = sum(counts)
    scale = time_charts.linear_scale(len(counts), max(counts))
    attempts = failed + trend.total.answers
    words = visit.say("trend-failures-none")
    if failed:
        provider = max(trend.total.failures, key=lambda name: trend.total.failures[name])
        share = number(visit, 100 * failed / attempts, 1)
        key = "trend-failures-at" if provider else "trend-failures"
        words = visit.say(key, asked=number(visit, attempts), share=share, provider=provider)
    rows = time_charts.AREA.rows(scale, visit.language)
    chart = time_charts.TimeChart(rows, columns, bars=time_charts.draw_bars(scale, [("b", counts)]))
    return Card("failures", number(visit, failed), words, chart)


def _ratings(visit: PageRequest, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    total = trend.total
    series = [
        ("p", [point.liked for point in trend.points]),
        ("w", [point.unknown for point in trend.points]),
        ("b", [point.disliked for point in trend.points]),
    ]
    sums = [sum(each) for each in zip(*(values for _, values in series), strict=True)]
    scale = time_charts.linear_scale(len(sums), max(sums))
    rated = total.liked + total.disliked
    figure = visit.say("percent", share=round(100 * total.liked / rated)) if rated else "–"
    words = visit.say(
        "trend-ratings",
        liked=number(visit, total.liked),
        disliked=number(visit, total.disliked),
        unknown=number(visit, total.unknown),
    )
    keys = tuple((style, visit.say(f"trend-key-{style}")) for style in ("p", "w", "b"))
    rows = time_charts.AREA.rows(scale, visit.language)
    chart = time_charts.TimeChart(rows, columns, bars=time_charts.draw_bars(scale, series))
    return Card("ratings", figure, words, chart, keys)


def _money(visit: PageRequest, currency: str, days: Sequence[MoneyDay]) -> Card:
    income, spend = sum(each.income for each in days), sum(each.spend for each in days)
    series = [("p", [each.income for each in days]), ("t", [each.spend for each in days])]
    most = max(max(values) for _, values in series)
    scale = time_charts.linear_scale(len(days), most / MICRO, _CENT)
    drawn = [(style, [value / MICRO for value in values]) for style, values in series]
    sign = "+" if income > spend else "−" if income < spend else ""
    words = visit.say(
        "trend-money",
        count=len(days),
        income=money(visit, income, currency),
        spend=money(visit, spend, currency),
    )
    rows = time_charts.AREA.rows(scale, visit.language)
    columns = time_charts.draw_columns([day(visit, each.day) for each in days])
    chart = time_charts.TimeChart(rows, columns, bars=time_charts.draw_pairs(scale, drawn))
    keys = (("p", visit.say("trend-income")), ("t", visit.say("trend-spend")))
    figure = sign + money(visit, abs(income - spend), currency)
    return Card("money", figure, words, chart, keys)
