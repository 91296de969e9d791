"""What may be asked: a question of the plan's quota, and the cap of what a day's answers cost.

A question is reserved in the plan and settled with its answer. The cap limits what all answers may
cost a day, in the configured time zone. A question that arrives after it is reached is refused;
answers in progress are completed, so their cost may exceed the cap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from merlin.account.users import User, Users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing import quota
from merlin.config.section import convert_to_micro
from merlin.core.clock import in_zone, zone_of
from merlin.core.i18n import moment_argument
from merlin.core.money import Cost, cost_argument
from merlin.db.notices import ADMINS, Notices
from merlin.db.tables import ANSWER_COST

# The person is warned when this many questions remain.
LOW_QUOTA = 2
# Runs for each answer while a cap is set; a plain statement takes a tenth of the time.
_ADD = """
INSERT INTO answer_cost (day, currency, micro) VALUES (?, ?, ?)
ON CONFLICT (day, currency) DO UPDATE SET micro = answer_cost.micro + excluded.micro
"""


@dataclass(frozen=True, slots=True)
class Quota:
    """The effective plan and its remaining quota, in the person's time zone."""

    plan: quota.Plan
    zone: tzinfo
    left: Mapping[quota.Format, quota.Left]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks question `number`; `language` is that of refusals."""

    user_id: int
    plan: quota.Plan
    zone: tzinfo
    language: str
    number: int


@dataclass(frozen=True, slots=True)
class ReachedCap:
    """The reached cap of a day's answers, and when the day ends."""

    day: str
    spent: Cost
    cap_micro: int
    until: datetime


def show_quota(ctx: Context, actor: Actor, user: User | None = None) -> Quota:
    """Return the actor's plan and its remaining quota; `user` if their row is read."""
    user = user or Users(ctx.db, ctx.clock).get_or_new(actor.user_id)
    plan = quota.plan_of(ctx.plans, user.plans)
    zone = user.counting_zone(ctx.config.timezone, ctx.clock())
    left = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock).read_left(
        user.user_id, plan, zone
    )
    return Quota(plan, zone, left)


def is_free(ctx: Context, asker: Asker) -> bool:
    """Return whether a person's questions have no limit."""
    return asker.plan is quota.UNLIMITED and not _is_capped(ctx)


def reserve(
    ctx: Context, asker: Asker, kind: quota.Format
) -> ReachedCap | quota.Left | None:
    """Reserve a question; return why it cannot be asked, None if it can.

    Either today's answers have reached the cap, or the plan's quota is used up.
    """
    reached_cap = find_reached_cap(ctx)
    if reached_cap is not None or asker.plan is quota.UNLIMITED:
        return reached_cap
    quotas = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock)
    return quotas.reserve(asker.user_id, asker.number, kind, asker.plan, asker.zone)


def find_low_quota(ctx: Context, asker: Asker, kind: quota.Format) -> quota.Left | None:
    """Return the remaining quota of a format if it is low, else None."""
    if asker.plan is quota.UNLIMITED or not quota.is_limited(
        quota.allowance_of(asker.plan, kind)
    ):
        return None
    quotas = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock)
    left = quotas.read_left(asker.user_id, asker.plan, asker.zone)[kind]
    return left if left.remaining is not None and left.remaining <= LOW_QUOTA else None


def settle(ctx: Context, asker: Asker, cost: Cost | None, *, is_answered: bool) -> None:
    """Charge an answered question, release any other; `cost` is None if it is not known."""
    if cost is not None:
        add_cost(ctx, cost)
    if asker.plan is not quota.UNLIMITED:
        quotas = quota.Quotas(ctx.db, ctx.bot_id, ctx.clock)
        (quotas.charge if is_answered else quotas.give_back)(asker.number)


def find_reached_cap(ctx: Context) -> ReachedCap | None:
    """Return the reached cap of today's answers, None if people may ask."""
    cap = convert_to_micro(ctx.config.budget.answers.per_day)
    if cap is None:
        return None
    here = quota.today(ctx.clock(), zone_of(ctx.config.timezone))
    is_reached = (ANSWER_COST.day == here.day) & (ANSWER_COST.micro >= cap)
    # A cap exists for every currency in the sums.
    row = ctx.db.row(
        ANSWER_COST.select().where(is_reached).order_by(ANSWER_COST.currency)
    )
    if row is None:
        return None
    return ReachedCap(here.day, Cost(row.micro, row.currency), cap, here.day_ends)


def add_cost(ctx: Context, cost: Cost) -> None:
    """Add the cost of an answer to the capped sums; notify admins of a reached cap once a day."""
    if not cost.micro or not _is_capped(ctx):
        return
    day = quota.today(ctx.clock(), zone_of(ctx.config.timezone)).day
    ctx.db.sql(_ADD, day, cost.currency, cost.micro)
    reached_cap = find_reached_cap(ctx)
    if reached_cap is None:
        return
    arguments: dict[str, object] = {
        "spent": cost_argument(reached_cap.spent.micro, reached_cap.spent.currency),
        "cap": cost_argument(reached_cap.cap_micro, reached_cap.spent.currency),
        "until": moment_argument(
            in_zone(reached_cap.until, zone_of(ctx.config.timezone)), is_named=True
        ),
    }
    once = f"answers-day:{reached_cap.day}"
    Notices(ctx.db, ctx.clock).notify(ADMINS, "notice-answers-day", arguments, once)


def _is_capped(ctx: Context) -> bool:
    """Return whether a cap is set; otherwise no sums are kept."""
    return ctx.config.budget.answers.per_day is not None
