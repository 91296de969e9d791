"""Health: trends over time, processes, queues, failures, spending, disk, alarms."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import day, number
from merlin.api.pages.page import PageContext, UserAdminContext, render_page
from merlin.app.health import engine_address, read_health, read_runbook
from merlin.app.trends import MoneyDay, Span, Trends, quantile, read_trends
from merlin.core import time_charts
from merlin.core.charts import Tick
from merlin.core.clock import in_zone
from merlin.core.heartbeat import describe_step
from merlin.core.money import MICRO, format_cost
from merlin.db.notices import cause_of

router = page_router()

_ALARMS = 20
# Age of the oldest entry from which a queue is highlighted.
_LATE_S = 300
# Percentiles shown: half of the answers, and nearly all.
_HALF, _NEARLY_ALL = 0.5, 0.95
# Smaller amounts are not distinguished.
_CENT = 0.01
_PROCESSES = ("bot", "daemon", "api", "engine")


@dataclass(frozen=True, slots=True)
class Card:
    """One small chart: current value, summary, names of its series."""

    name: str
    figure: str
    summary: str
    chart: time_charts.TimeChart | None
    keys: Sequence[tuple[str, str]] = ()


@router.get("/admin/health")
async def show(context: UserAdminContext, span: Span = Span.DAY) -> Response:
    """Return the health page."""
    health_view = await context.read(read_health, context.actor, _ALARMS)
    trend = await context.read(read_trends, context.actor, span, context.zone)
    now = context.services.clock()
    causes = dict.fromkeys(cause_of(alarm.key) for alarm in health_view.alarms)
    names = [_point_name(context, trend.span, point.hour) for point in trend.points]
    columns = time_charts.column_ticks(names)
    cards = [
        _answers(context, trend, columns),
        _times(context, trend, columns),
        _failures(context, trend, columns),
        _ratings(context, trend, columns),
        *(_money(context, currency, days) for currency, days in trend.money.items()),
    ]
    has_daemon = any(one.process == "daemon" and one.alive for one in health_view.processes)
    are_alive = all(process.alive for process in health_view.processes)
    waits = ((now - queue.oldest).total_seconds() for queue in health_view.queues if queue.oldest)
    is_calm = has_daemon and are_alive and max(waits, default=0) <= _LATE_S
    view = {
        "health": health_view,
        "processes": {
            kind: [process for process in health_view.processes if process.process == kind]
            for kind in _PROCESSES
        },
        "has_engine": engine_address(context.services.config) is not None,
        "has_daemon": has_daemon,
        "span": span,
        "spans": Span,
        "cards": cards,
        "is_calm": is_calm,
        "now": now,
        "zone": now.astimezone(context.zone).tzname(),
        "late_s": _LATE_S,
        "step": partial(describe_step, context.language),
        "runbooks": [read_runbook(context.language, cause) for cause in causes if cause],
    }
    return render_page(context, "admin_health.html", view)


def _point_name(context: PageContext, span: Span, at: datetime) -> str:
    local = in_zone(at, context.zone)
    return f"{local:%H:%M}" if span is Span.DAY else day(context, local.date())


def _answers(context: PageContext, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    counts = [point.answers for point in trend.points]
    scale = time_charts.linear_scale(len(counts), max(counts))
    summary = context.say(
        "trend-answers-usual" if trend.usual is not None else "trend-answers-now",
        span=trend.span.value,
        now=trend.this_hour,
        usual=trend.usual or 0,
    )
    if not trend.total.answers:
        summary = context.say("trend-none")
    rows = time_charts.AREA.rows(scale, context.language)
    chart = time_charts.TimeChart(rows, columns)
    if any(counts):
        area, line = time_charts.draw_area(scale, counts), time_charts.draw_line(scale, counts)
        chart = replace(chart, area=area, lines=(("", line),))
    return Card("answers", number(context, trend.total.answers), summary, chart)


def _seconds(context: PageContext, value: float | None) -> str:
    if value is None:
        return "–"
    digits = 0 if value >= 10 or value == int(value) else 1 if value >= 1 else 2  # noqa: PLR2004
    return context.say("seconds-brief", seconds=number(context, value, digits))


def _times(context: PageContext, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    half, nearly = (quantile(trend.total.times, share) for share in (_HALF, _NEARLY_ALL))
    lines = [
        (style, [quantile(point.times, share) for point in trend.points])
        for style, share in (("t", _NEARLY_ALL), ("", _HALF))
    ]
    known_values = [value for _, values in lines for value in values if value is not None]
    # Durations below a hundredth of a second lie on the axis.
    ends = (
        max(min(known_values, default=0.5), 0.01),
        max(*known_values, 0.5) if known_values else 8.0,
    )
    scale = time_charts.log_scale(len(trend.points), *ends)
    rows = time_charts.AREA.rows(scale, context.language)
    drawn = tuple((style, time_charts.draw_line(scale, values)) for style, values in lines)
    chart = time_charts.TimeChart(rows, columns, lines=drawn)
    summary = context.say("trend-none")
    if half:
        summary = context.say("trend-times", nearly=_seconds(context, nearly))
    keys = (("", context.say("trend-half")), ("t", context.say("trend-nearly-all")))
    return Card("times", _seconds(context, half), summary, chart, keys)


def _failures(context: PageContext, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    counts = [sum(point.failures.values()) for point in trend.points]
    failed = sum(counts)
    scale = time_charts.linear_scale(len(counts), max(counts))
    attempts = failed + trend.total.answers
    summary = context.say("trend-failures-none")
    if failed:
        provider = max(trend.total.failures, key=lambda name: trend.total.failures[name])
        share = number(context, 100 * failed / attempts, 1)
        key = "trend-failures-at" if provider else "trend-failures"
        summary = context.say(key, asked=number(context, attempts), share=share, provider=provider)
    rows = time_charts.AREA.rows(scale, context.language)
    chart = time_charts.TimeChart(rows, columns, bars=time_charts.draw_bars(scale, [("b", counts)]))
    return Card("failures", number(context, failed), summary, chart)


def _ratings(context: PageContext, trend: Trends, columns: tuple[Tick, ...]) -> Card:
    total = trend.total
    series = [
        ("p", [point.liked for point in trend.points]),
        ("w", [point.unknown for point in trend.points]),
        ("b", [point.disliked for point in trend.points]),
    ]
    sums = [sum(counts) for counts in zip(*(values for _, values in series), strict=True)]
    scale = time_charts.linear_scale(len(sums), max(sums))
    rated = total.liked + total.disliked
    figure = context.say("percent", share=round(100 * total.liked / rated)) if rated else "–"
    summary = context.say(
        "trend-ratings",
        liked=number(context, total.liked),
        disliked=number(context, total.disliked),
        unknown=number(context, total.unknown),
    )
    keys = tuple((style, context.say(f"trend-key-{style}")) for style in ("p", "w", "b"))
    rows = time_charts.AREA.rows(scale, context.language)
    chart = time_charts.TimeChart(rows, columns, bars=time_charts.draw_bars(scale, series))
    return Card("ratings", figure, summary, chart, keys)


def _money(context: PageContext, currency: str, days: Sequence[MoneyDay]) -> Card:
    incomes = [money_day.income for money_day in days]
    spends = [money_day.spend for money_day in days]
    income, spend, series = sum(incomes), sum(spends), [("p", incomes), ("t", spends)]
    highest = max(*incomes, *spends)
    scale = time_charts.linear_scale(len(days), highest / MICRO, _CENT)
    drawn = [(style, [value / MICRO for value in values]) for style, values in series]
    sign = "+" if income > spend else "−" if income < spend else ""
    summary = context.say(
        "trend-money",
        count=len(days),
        income=format_cost(context.language, income, currency),
        spend=format_cost(context.language, spend, currency),
    )
    rows = time_charts.AREA.rows(scale, context.language)
    columns = time_charts.column_ticks([day(context, money_day.day) for money_day in days])
    bars = time_charts.draw_bars(scale, drawn, is_stacked=False)
    chart = time_charts.TimeChart(rows, columns, bars=bars)
    keys = (("p", context.say("trend-income")), ("t", context.say("trend-spend")))
    figure = sign + format_cost(context.language, abs(income - spend), currency)
    return Card("money", figure, summary, chart, keys)
