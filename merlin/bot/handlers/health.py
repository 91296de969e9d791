"""Health: who is alive, what waits and how long, what failed, money, sunsets, disk, alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from merlin.app.health import BudgetView, DiskView, HealthView, ProcessView, SunsetView, health
from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import guarded, to_admin_home
from merlin.bot.menu import Screen
from merlin.bot.notices import act_button
from merlin.core import money
from merlin.core.formatted_text import Button
from merlin.core.heartbeat import describe_step
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.db.notices import Notice

_ALARMS = 5
_GIB = 2**30


def show_health(kit: Kit, event: Event) -> Screen:
    """Show how Merlin does, and what was told last."""
    told = health(kit.services.context, admin.actor(kit, event), _ALARMS)
    parts = (
        "\n".join(_process(event, each, told.now) for each in told.processes),
        "\n".join(_queues(event, told)),
        "\n".join(_budget(event, each) for each in told.budget),
        "\n".join(_sunset(event, each) for each in told.sunsets),
        _disk(event, told.disk),
        "\n".join(_alarms(kit, event, told.alarms)),
    )
    refresh = admin.button(event, "admin-refresh", "a-health")
    title = text(event.language, "admin-health")
    rows = [_doors(event, told.alarms), (refresh,), to_admin_home(event)]
    return admin.panel_screen(title, *parts, rows=rows)


def _process(event: Event, seen: ProcessView, now: datetime) -> str:
    name = f"{seen.process} ({seen.host})"
    if seen.alive:
        step, up = describe_step(event.language, seen.step), _long(event, now - seen.since)
        return text(event.language, "health-alive", sign="🟢", name=name, step=step, up=up)
    ago = _long(event, now - seen.at)
    return text(event.language, "health-silent", sign="🔴", name=name, ago=ago)


def _long(event: Event, span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return text(event.language, f"health-{unit}", count=seconds // length)
    return text(event.language, "health-seconds", count=seconds)


def _queues(event: Event, told: HealthView) -> Iterator[str]:
    waiting = [
        text(
            event.language,
            "health-waits",
            queue=text(event.language, f"health-queue-{each.name}"),
            count=each.waiting,
            age=_long(event, told.now - (each.oldest or told.now)),
        )
        for each in told.queues
        if each.waiting
    ]
    yield from waiting or [text(event.language, "health-nothing-waits")]
    yield text(event.language, "health-failures", **told.failures)


def _budget(event: Event, seen: BudgetView) -> str:
    spent = money.format_cost(event.language, seen.spent_micro, seen.currency)
    told = {"provider": seen.provider, "spent": spent}
    if seen.cap_micro is None:
        return text(event.language, "health-spent", **told)
    left = money.format_cost(
        event.language, max(seen.cap_micro - seen.spent_micro, 0), seen.currency
    )
    return text(event.language, "health-spent-of", **told, left=left)


def _sunset(event: Event, seen: SunsetView) -> str:
    told = {"model": seen.model, "used": seen.used_for, "date": seen.ends.isoformat()}
    return text(event.language, "health-sunset", **told, days=seen.days_left)


def _disk(event: Event, disk: DiskView | None) -> str:
    if disk is None:
        return ""
    free, share = f"{disk.free / _GIB:.1f}", f"{disk.free / disk.total * 100:.0f}"
    return text(event.language, "health-disk", free=free, share=share)


def _alarms(kit: Kit, event: Event, alarms: Sequence[Notice]) -> Iterator[str]:
    if alarms:
        yield text(event.language, "health-alarms")
    for notice in alarms:
        at = admin.when(kit, event, notice.created_at)
        yield f"{at}  {_first(_words(event, notice))}"


def _words(event: Event, notice: Notice) -> str:
    try:
        return text(event.language, notice.key, **notice.arguments)
    except (KeyError, ValueError, TypeError):
        return notice.key


def _first(words: str) -> str:
    return words if len(words) <= admin.LONGEST else f"{words[: admin.LONGEST]}…"


def _doors(event: Event, alarms: Sequence[Notice]) -> tuple[Button, ...]:
    """Return the buttons to act on the newest alarms, each once."""
    found = [act_button(notice, event.language) for notice in alarms]
    doors = {each.label: each for each in found[::-1] if each and "a-health" not in each.data}
    return tuple(doors.values())[-3:]


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(application, buttons={"a-health": guarded(Permission.USERS, show_health)})
