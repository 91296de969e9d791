"""Health: who is alive, what waits and how long, what failed, money, sunsets, disk, alarms."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from merlin.bot.context import BotApplication, Event, Kit, add_handlers
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import guarded, to_admin_home
from merlin.bot.menu import Screen
from merlin.bot.notices import act_button
from merlin.core import money
from merlin.core.clock import iso
from merlin.core.formatted_text import Button
from merlin.core.heartbeat import Heartbeat, describe_step
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.db.notices import ADMINS, Notice
from merlin.training.policy import month_start

_ALARMS = 5
_DAY = timedelta(days=1)
_GONE_AFTER = timedelta(days=7)
_GIB = 2**30


def health(kit: Kit, event: Event) -> Screen:
    """Show how Merlin does, and what was told last."""
    now = kit.services.clock()
    alarms = kit.rows.notices.newest(ADMINS, _ALARMS)
    parts = (
        "\n".join(_processes(kit, event, now)),
        "\n".join(_queues(kit, event, now)),
        "\n".join(_budget(kit, event, now)),
        "\n".join(_sunsets(kit, event, now.date())),
        _disk(kit, event),
        "\n".join(_alarms(kit, event, alarms)),
    )
    refresh = admin.button(event, "admin-refresh", "a-health")
    title = text(event.language, "admin-health")
    rows = [_doors(event, alarms), (refresh,), to_admin_home(event)]
    return admin.panel_screen(title, *parts, rows=rows)


def _processes(kit: Kit, event: Event, now: datetime) -> Iterator[str]:
    for beat in sorted(kit.rows.heartbeats.all(), key=lambda beat: (beat.process, beat.host)):
        if now - beat.at < _GONE_AFTER:
            yield _process(event, beat, now)


def _process(event: Event, beat: Heartbeat, now: datetime) -> str:
    sign = "🟢" if beat.is_alive(now) else "🔴"
    name = f"{beat.process} ({beat.host})"
    if beat.is_alive(now):
        told = {"sign": sign, "name": name, "step": describe_step(event.language, beat.step)}
        up = _long(event, now - beat.since)
        return text(event.language, "health-alive", **told, up=up)
    return text(
        event.language, "health-silent", sign=sign, name=name, ago=_long(event, now - beat.at)
    )


def _long(event: Event, span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return text(event.language, f"health-{unit}", count=seconds // length)
    return text(event.language, "health-seconds", count=seconds)


def _queues(kit: Kit, event: Event, now: datetime) -> Iterator[str]:
    gauges = kit.services.office.gauges
    oldest = gauges.oldest()
    waiting = [
        text(
            event.language,
            "health-waits",
            queue=text(event.language, f"health-queue-{name}"),
            count=count,
            age=_long(event, now - oldest.get(name, now)),
        )
        for name, count in gauges.queues().items()
        if count
    ]
    yield from waiting or [text(event.language, "health-nothing-waits")]
    yield text(event.language, "health-failures", **gauges.failures(now - _DAY))


def _budget(kit: Kit, event: Event, now: datetime) -> Iterator[str]:
    office = kit.services.office
    cap = office.caps.per_month_micro
    for provider, currency in office.currencies.items():
        spent = office.spending.spent(provider, month_start(now))
        told = {"provider": provider, "spent": money.format_cost(event.language, spent, currency)}
        if cap is None:
            yield text(event.language, "health-spent", **told)
        else:
            left = money.format_cost(event.language, max(cap - spent, 0), currency)
            yield text(event.language, "health-spent-of", **told, left=left)


def _sunsets(kit: Kit, event: Event, today: date) -> Iterator[str]:
    """Yield when models that are in use go dark, the next first."""
    office = kit.services.office
    used = {each.model_id: each.purpose for each in office.relies_on}
    for name, told in office.reports.status()["datasets"].items():
        if told["serving"]:
            used |= dict.fromkeys(_bases(kit, name), name)
    ends = sorted((office.sunsets[base], base) for base in used if base in office.sunsets)
    for day, base in ends:
        left = (day - today).days
        told = {"model": base, "used": used[base], "date": day.isoformat()}
        yield text(event.language, "health-sunset", **told, days=max(left, 0))


def _bases(kit: Kit, dataset: str) -> list[str]:
    """Return the base of the model that serves a dataset."""
    reports = kit.services.office.reports
    jobs = [each["job"] for each in reports.models(dataset) if each["serves"]]
    return [reports.job(job, 1)["recipe"].get("base_model", "") for job in jobs]


def _disk(kit: Kit, event: Event) -> str:
    folder = kit.services.office.state_dir
    if folder is None:
        return ""
    usage = shutil.disk_usage(folder)
    free, share = f"{usage.free / _GIB:.1f}", f"{usage.free / usage.total * 100:.0f}"
    return text(event.language, "health-disk", free=free, share=share)


def _alarms(kit: Kit, event: Event, alarms: list[Notice]) -> Iterator[str]:
    if alarms:
        yield text(event.language, "health-alarms")
    for notice in alarms:
        at = admin.when(kit, event, iso(notice.created_at))
        yield f"{at}  {_first(_words(event, notice))}"


def _words(event: Event, notice: Notice) -> str:
    try:
        return text(event.language, notice.key, **notice.arguments)
    except (KeyError, ValueError, TypeError):
        return notice.key


def _first(words: str) -> str:
    return words if len(words) <= admin.LONGEST else f"{words[: admin.LONGEST]}…"


def _doors(event: Event, alarms: list[Notice]) -> tuple[Button, ...]:
    """Return the buttons to act on the newest alarms, each once."""
    found = [act_button(notice, event.language) for notice in alarms]
    doors = {each.label: each for each in found[::-1] if each and "a-health" not in each.data}
    return tuple(doors.values())[-3:]


def register(application: BotApplication) -> None:
    """Add the handlers of this file."""
    add_handlers(application, buttons={"a-health": guarded(Permission.USERS, health)})
