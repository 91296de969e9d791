"""Health: processes, queues, jobs, budget, disk, as probes and metrics show them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from peewee import SQL, fn

from merlin.app.bot_settings import is_of_other_bot
from merlin.app.context import Context
from merlin.app.outbox import ON_THE_WAY
from merlin.chat.turns import UpdateState
from merlin.config import Config, is_our_engine
from merlin.core.clock import from_iso
from merlin.core.heartbeat import Heartbeat, list_current
from merlin.db.backup import find_last_backup
from merlin.db.database import Database
from merlin.db.processes import Heartbeats
from merlin.db.requests import RequestState
from merlin.db.tables import JOB, NOTICE, OUTGOING, REQUEST, TELEGRAM_UPDATE
from merlin.training.jobs import JobState
from merlin.training.launch_plan import spent_micro
from merlin.training.models import Serving
from merlin.training.policy import month_start
from merlin.training.promote import Promotions


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue; `oldest` is when its oldest entry was added, null if it is empty."""

    name: str
    waiting: int
    oldest: datetime | None


def list_queues(db: Database) -> list[QueueView]:
    """Return the queues: requests, notices, this bot's updates and outgoing messages."""
    views = []
    waiting = {
        "requests": (REQUEST.created_at, REQUEST.state == RequestState.WAITING.value),
        "notices": (NOTICE.created_at, NOTICE.handed_over_at.is_null()),
        "updates": (
            TELEGRAM_UPDATE.received_at,
            (TELEGRAM_UPDATE.state == UpdateState.WAITING.value)
            & _is_of_this_bot(TELEGRAM_UPDATE.bot_id),
        ),
        "letters": (
            OUTGOING.created_at,
            # The states of the index of what is open, in its own words: SQLite compares no lists.
            SQL("state IN ('pending', 'sending', 'unknown')")
            & OUTGOING.state.in_(ON_THE_WAY)
            & _is_of_this_bot(OUTGOING.bot_id),
        ),
    }
    for name, (since, waits) in waiting.items():
        table = since.source
        oldest = db.value(table.select(fn.MIN(since)).where(waits))
        waiting_since = None if oldest is None else from_iso(oldest)
        views.append(QueueView(name, db.count(table, waits), waiting_since))
    return views


def _is_of_this_bot(bot_id: Any) -> Any:
    return ~fn.COALESCE(is_of_other_bot(bot_id), SQL("FALSE"))


@dataclass(frozen=True, slots=True)
class BudgetView:
    """The maximum possible cost of a provider's jobs this month, in millionths of `currency`."""

    provider: str
    spent_micro: int
    cap_micro: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the database at one moment; `jobs` is the number of jobs by state.

    Sizes are in bytes, of the disk with Merlin's data.
    `last_backup_s` is in seconds since 1970: 0 for never, None if another program makes backups or
    the record cannot be read.
    """

    heartbeats: Sequence[Heartbeat] = ()
    queues: Sequence[QueueView] = ()
    jobs: Mapping[str, int] = field(default_factory=dict)
    serving: Sequence[Serving] = ()
    budget: Sequence[BudgetView] = ()
    disk_free: int = 0
    disk_size: int = 0
    last_backup_s: float | None = None


def read_snapshot(ctx: Context) -> Snapshot:
    """Return the values for probes and metrics. Raises MerlinError if the database is down."""
    now = ctx.clock()
    disk = shutil.disk_usage(ctx.config.state_dir)
    with ctx.db.snapshot():
        return Snapshot(
            heartbeats=Heartbeats(ctx.db).list_all(),
            queues=list_queues(ctx.db),
            # Zeros too: an increase from nothing is none for Prometheus.
            jobs={
                each.value: ctx.db.count(JOB, JOB.state == each.value)
                for each in JobState
            },
            serving=list(Promotions(ctx.db).list_serving().values()),
            budget=_budget(ctx, now),
            disk_free=disk.free,
            disk_size=disk.total,
            last_backup_s=_read_last_backup_s(ctx),
        )


def _read_last_backup_s(ctx: Context) -> float | None:
    if ctx.config.backups != "merlin":
        return None
    try:
        backup = find_last_backup(ctx.config.state_dir)
    except OSError:
        return None
    return backup.timestamp() if backup else 0.0


def list_processes(ctx: Context) -> list[Heartbeat]:
    """Return the newest heartbeats, as `list_current`."""
    return list_current(Heartbeats(ctx.db).list_all(), ctx.clock())


def engine_address(config: Config) -> SplitResult | None:
    """Return the address of Merlin's own engine, None if no provider is one.

    The engine may run on another machine or in another container.
    """
    for provider in config.providers:
        if is_our_engine(config, provider):
            return urlsplit(provider.base_url)
    return None


def is_daemon_alive(ctx: Context) -> bool:
    """Return whether a daemon runs that handles requests."""
    beats = Heartbeats(ctx.db).list_all()
    now = ctx.clock()
    return any(beat.process == "daemon" and beat.is_alive(now) for beat in beats)


def _budget(ctx: Context, now: datetime) -> list[BudgetView]:
    """Return the budget of each provider, in the currency of its newest job."""
    cap = ctx.config.budget.per_month_micro
    since = month_start(now)
    views = []
    for provider in ctx.config.providers:
        newest = JOB.select(JOB.currency).where(JOB.provider == provider.name)
        currency = (
            ctx.db.value(newest.order_by(JOB.created_at.desc()).limit(1)) or "USD"
        )
        spent = spent_micro(ctx.db, provider.name, since)
        views.append(BudgetView(provider.name, spent, cap, currency))
    return views
