"""Health: who is alive, what waits and how long, what failed, money, sunsets, disk, alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from merlin.app.health import BudgetView, DiskView, HealthView, ProcessView, SunsetView, health
from merlin.bot import menu
from merlin.bot.context import BotApplication, BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import add_admin_handlers, performer
from merlin.bot.menu import View
from merlin.bot.notices import act_button
from merlin.core import money
from merlin.core.heartbeat import describe_step
from merlin.core.permissions import Permission
from merlin.db.notices import Notice

_ALARMS = 5
_GIB = 2**30


def show_health(context: BotContext) -> View:
    """Show how Merlin does, and what was told last."""
    told = health(*performer(context), _ALARMS)
    parts = (
        "\n".join(_process(context, each, told.now) for each in told.processes),
        "\n".join(_queues(context, told)),
        "\n".join(_budget(context, each) for each in told.budget),
        "\n".join(_sunset(context, each) for each in told.sunsets),
        _disk(context, told.disk),
        "\n".join(_alarms(context, told.alarms)),
    )
    # The buttons to act on the newest alarms, each once.
    found = [act_button(notice, context.language) for notice in reversed(told.alarms)]
    ways = {each.label: each for each in found if each and "a-health" not in each.data}
    acts = tuple(ways.values())[-3:]
    rows = menu.rows(context, acts, ("admin-refresh", "a-health"), admin.HOME)
    return menu.card(context.translate("admin-health"), *parts, rows=rows)


def _process(context: BotContext, seen: ProcessView, now: datetime) -> str:
    name = f"{seen.process} ({seen.host})"
    if seen.alive:
        step, up = describe_step(context.language, seen.step), _long(context, now - seen.since)
        return context.translate("health-alive", sign="🟢", name=name, step=step, up=up)
    ago = _long(context, now - seen.at)
    return context.translate("health-silent", sign="🔴", name=name, ago=ago)


def _long(context: BotContext, span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return context.translate(f"health-{unit}", count=seconds // length)
    return context.translate("health-seconds", count=seconds)


def _queues(context: BotContext, told: HealthView) -> Iterator[str]:
    waiting = [
        context.translate(
            "health-waits",
            queue=context.translate(f"health-queue-{each.name}"),
            count=each.waiting,
            age=_long(context, told.now - (each.oldest or told.now)),
        )
        for each in told.queues
        if each.waiting
    ]
    yield from waiting or [context.translate("health-nothing-waits")]
    yield context.translate("health-failures", **told.failures)


def _budget(context: BotContext, seen: BudgetView) -> str:
    spent = money.format_cost(context.language, seen.spent_micro, seen.currency)
    told = {"provider": seen.provider, "spent": spent}
    if seen.cap_micro is None:
        return context.translate("health-spent", **told)
    left = money.format_cost(
        context.language, max(seen.cap_micro - seen.spent_micro, 0), seen.currency
    )
    return context.translate("health-spent-of", **told, left=left)


def _sunset(context: BotContext, seen: SunsetView) -> str:
    told = {"model": seen.model, "used": seen.used_for, "date": seen.ends.isoformat()}
    return context.translate("health-sunset", **told, days=seen.days_left)


def _disk(context: BotContext, disk: DiskView | None) -> str:
    if disk is None:
        return ""
    free, share = f"{disk.free / _GIB:.1f}", f"{disk.free / disk.total * 100:.0f}"
    return context.translate("health-disk", free=free, share=share)


def _alarms(context: BotContext, alarms: Sequence[Notice]) -> Iterator[str]:
    if alarms:
        yield context.translate("health-alarms")
    for notice in alarms:
        at = admin.when(context, notice.created_at)
        try:
            words = context.translate(notice.key, **notice.arguments)
        except (KeyError, ValueError, TypeError):
            words = notice.key
        yield f"{at}  {admin.cut(words)}"


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_admin_handlers(application, Permission.USERS, {"a-health": show_health})
