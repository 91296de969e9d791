"""Plans, the remaining quota of a plan as pure functions, and the repository of its use.

A plan with a price is bought: for some days, once or repeatedly, or as a pack of questions that
are added to the effective plan.

A question is reserved when it arrives, charged with its answer and released if it fails. The use
is never stored as a number: it is counted from the rows of questions. A question beyond the plan's
quota is taken from a pack. Day and month are those of the person's time zone at the time of the
question; each row stores both, so that travelling or a change of zone counts no question twice and
omits none. A zone that a person chooses counts from the next border of a day on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from peewee import JOIN, Select, fn
from pydantic import computed_field

from merlin.config.shop import Allowance, Format, Plan
from merlin.core.clock import Clock, iso, start_of_day, utc_now
from merlin.core.errors import NotFound
from merlin.core.i18n import format_number, text
from merlin.core.views import INTERNAL, described
from merlin.db.database import (
    BotRepository,
    Database,
    Repository,
    lock_user,
    transaction,
)
from merlin.db.tables import QUESTION_PACK, QUOTA_USE
from merlin.db.values import RowMap

__all__ = ["Allowance", "Format", "Plan"]

# Limit of a format that a plan does not name.
NO_LIMIT = Allowance()


class UseState(StrEnum):
    """The state of a question; the first of charged and returned is final."""

    RESERVED = "reserved"
    CHARGED = "charged"
    RETURNED = "returned"


# The plan where the configuration has none: nothing is limited or counted.
UNLIMITED = Plan.model_construct(title={})


def plan_of(plans: Sequence[Plan], names: Iterable[str]) -> Plan:
    """Return the effective plan of a person who has the plans `names`.

    It is the last one in the configuration, else the first one of the configuration, else
    UNLIMITED. A plan that was removed from the configuration counts as the default one.
    """
    plan_names = {*names}
    named = [plan for plan in plans if plan.name in plan_names and not plan.is_pack]
    return next(reversed(named or plans[:1]), UNLIMITED)


def allowance_of(plan: Plan, kind: Format) -> Allowance:
    """Return the limits of this format."""
    return getattr(plan, kind) or NO_LIMIT


def questions_text(kind: Format, count: int, language: str) -> str:
    """Return a number of questions of a format: "20 голосовых вопросов"."""
    return text(language, f"pay-pack-{kind.value}", count=count)


def allowance_text(
    allowance: Allowance, language: str, kind: Format | None = None
) -> str:
    """Return a plan's limits for a format: "10 в день, не больше 100 в месяц".

    With `kind` it is named: "10 голосовых вопросов в день".
    """
    day = allowance.day
    month = allowance.month
    suffix = f"-{kind.value}" if kind else ""
    if allowance.is_closed:
        return text(language, f"pay-allows-none{suffix}")
    count = month if day is None else day
    if count is None:
        return text(language, f"pay-allows-any{suffix}")
    what = (
        questions_text(kind, count, language)
        if kind
        else format_number(language, count, 0)
    )
    if day is None or month is None:
        return text(
            language, "pay-allows-month" if day is None else "pay-allows-day", what=what
        )
    return text(
        language, "pay-allows-both", what=what, most=format_number(language, month, 0)
    )


def is_limited(allowance: Allowance) -> bool:
    """Return whether any limit is set."""
    return allowance.day is not None or allowance.month is not None


def allows_model(plan: Plan, model_id: str) -> bool:
    """Return whether the plan allows this model."""
    return not plan.models or any(
        fnmatchcase(model_id, pattern) for pattern in plan.models
    )


def plan_named(plans: Sequence[Plan], name: str) -> Plan | None:
    """Return the plan of this name, None if the configuration has none."""
    return next((plan for plan in plans if plan.name == name), None)


def get_plan(plans: Sequence[Plan], name: str) -> Plan:
    """Return the plan of this name that people can have. Raises NotFound, also for a pack."""
    plan = plan_named(plans, name)
    if plan is None or plan.is_pack:
        raise NotFound(f"no plan {name}", "quota-no-plan", plan=name)
    return plan


def plan_title(plans: Sequence[Plan], name: str, language: str) -> str:
    """Return a plan's title, its name if the configuration no longer has it."""
    plan = plan_named(plans, name)
    return name if plan is None else plan.title_in(language)


def plans_for_sale(plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans for sale, in configuration order."""
    return [plan for plan in plans if plan.is_sold]


class Period(StrEnum):
    """The period of an allowance."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Today:
    """A moment in a time zone: "2026-11-20", "2026-11", and when they end in UTC."""

    day: str
    month: str
    day_ends: datetime
    month_ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The usage and limit of one question format."""

    kind: Format = field(metadata=INTERNAL)
    used: int
    limit: int | None = described(
        "Questions per period; null if unlimited, 0 if the plan excludes the format."
    )
    period: Period = described(
        "Period of `limit`: day or month, whichever has fewer questions left."
    )
    resets_at: datetime
    packs: int = 0

    @computed_field(  # type: ignore[prop-decorator]
        description="Remaining questions including packs; null if unlimited."
    )
    @property
    def remaining(self) -> int | None:
        """Return how many more questions may be asked now, including packs; None: any number."""
        return (
            None if self.limit is None else max(self.limit - self.used, 0) + self.packs
        )


@dataclass(frozen=True, slots=True)
class QuestionPack:
    """A number of bought questions of a format in addition to the plan.

    `key` is its grant's. `expires_at` None: it does not expire. Id and use are set once it is
    stored.
    """

    user_id: int
    format: Format
    amount: int
    key: str
    expires_at: datetime | None = None
    pack_id: int = 0
    used: int = 0

    def remaining(self, now: datetime) -> int:
        """Return the remaining questions of a pack, none after its end."""
        is_open = self.expires_at is None or self.expires_at > now
        return self.amount - self.used if is_open else 0


def today(now: datetime, zone: tzinfo) -> Today:
    """Return the day and the month of `now` in `zone`."""
    here = now.astimezone(zone).date()
    next_month = (here.replace(day=1) + timedelta(days=32)).replace(day=1)
    return Today(
        day=here.isoformat(),
        month=here.isoformat()[:7],
        day_ends=start_of_day(here + timedelta(days=1), zone),
        month_ends=start_of_day(next_month, zone),
    )


def compute_left(
    kind: Format,
    allowance: Allowance,
    used: tuple[int, int],
    now: Today,
    packs: int = 0,
) -> Left:
    """Return the remaining quota of one format: of day or month, whichever has less left.

    `used` are the questions counted this day and this month. If neither has any left, it is the
    month: waiting for the next day would not help.
    """
    day = allowance.day
    month = allowance.month
    used_day, used_month = used
    is_monthly = month is not None and (
        day is None or max(month - used_month, 0) <= max(day - used_day, 0)
    )
    return Left(
        kind=kind,
        used=used_month if is_monthly else used_day,
        limit=month if is_monthly else day,
        period=Period.MONTH if is_monthly else Period.DAY,
        resets_at=now.month_ends if is_monthly else now.day_ends,
        packs=packs,
    )


class QuestionPacks(Repository):
    """One row for each pack; its use is counted from the uses."""

    @transaction
    def add(self, pack: QuestionPack) -> None:
        """Store a pack; one of the same key is kept."""
        self.db.add_new(QUESTION_PACK, _PACKS.write(pack, but=("pack_id", "used")))

    def reduce(self, user_id: int, key: str, amount: int) -> None:
        """Leave `amount` questions of a pack, at least those used; one without any ends now.

        Call it within a transaction.
        """
        now = self._clock()
        for pack in (each for each in self.list_all(user_id) if each.key == key):
            ends = {"expires_at": iso(min(now, pack.expires_at or now))}
            values = {"amount": max(amount, pack.used)} if amount else ends
            self.db.update(QUESTION_PACK, QUESTION_PACK.id == pack.pack_id, **values)

    def find_open(self, user_id: int, kind: Format) -> int | None:
        """Return the pack to use next: the one with questions left that ends first."""
        rows = self.db.rows(
            self._open(user_id).where(QUESTION_PACK.format == kind.value)
        )
        first = min(rows, key=lambda row: (row.expires_at or "~", row.id), default=None)
        return None if first is None else int(first.id)

    def count_unused(self, user_id: int) -> Mapping[Format, int]:
        """Return the remaining questions of each format in valid packs."""
        sums = Counter[Format]()
        for row in self.db.rows(self._open(user_id)):
            sums[Format(row.format)] += row.amount - int(row.used)
        return sums

    def _open(self, user_id: int) -> Select:
        is_open = QUESTION_PACK.expires_at.is_null() | (
            QUESTION_PACK.expires_at > iso(self._clock())
        )
        return (
            _select_packs(user_id)
            .where(is_open)
            .having(QUESTION_PACK.amount > _PACKS_USED)
        )

    def list_all(self, user_id: int) -> list[QuestionPack]:
        """Return every pack of the person, newest first, including expired ones."""
        return _PACKS.read_all(
            self.db, _select_packs(user_id).order_by(QUESTION_PACK.id.desc())
        )


_PACKS = RowMap(QuestionPack, columns={"pack_id": "id"})
_PACKS_USED: Any = fn.COUNT(QUOTA_USE.id)


def _select_packs(user_id: int) -> Select:
    """Return the SELECT of a person's packs, each with its use."""
    is_use = (QUOTA_USE.pack_id == QUESTION_PACK.id) & (
        QUOTA_USE.state != UseState.RETURNED.value
    )
    packs = QUESTION_PACK.select(*QUESTION_PACK.every(), _PACKS_USED.alias("used"))
    joined = packs.join(QUOTA_USE, JOIN.LEFT_OUTER, on=is_use)
    return joined.where(QUESTION_PACK.user_id == user_id).group_by(QUESTION_PACK.id)


# Executed for every question: as plain statements they take a tenth of the time.
_FIND = "SELECT state FROM quota_use WHERE bot_id = ? AND update_id = ?"
_USES = """
SELECT format, SUM(CASE WHEN day = ? THEN 1 ELSE 0 END), COUNT(*) FROM quota_use
WHERE user_id = ? AND month = ? AND pack_id IS NULL AND state <> 'returned'
GROUP BY format
"""
_TAKE = """
INSERT INTO quota_use
(bot_id, update_id, user_id, format, state, pack_id, day, month, at)
VALUES (?, ?, ?, ?, 'reserved', ?, ?, ?, ?)
ON CONFLICT (bot_id, update_id) DO UPDATE SET user_id = excluded.user_id,
format = excluded.format, state = excluded.state, pack_id = excluded.pack_id,
day = excluded.day, month = excluded.month, at = excluded.at
"""
# Hexadecimal digits of a mark that fit into 63 bits.
_PSEUDONYM_DIGITS = 15
# No question counted this day and this month.
_UNUSED = (0, 0)
# The state is a literal, so that SQLite uses the index of reserved questions.
_RELEASE = """
UPDATE quota_use SET state = 'returned' WHERE state = 'reserved' AND bot_id = ? AND at < ?
RETURNING update_id
"""
_REFRESH = """
UPDATE quota_use SET at = ? WHERE bot_id = ? AND update_id = ? AND state = 'reserved'
"""
_SETTLE = """
UPDATE quota_use SET state = ? WHERE bot_id = ? AND update_id = ? AND state = 'reserved'
"""


def pseudonyms(db: Database, user_id: int) -> list[int]:
    """Return the ids of what a person left at an erasure, the newest key's first.

    None without a cipher. See `erased_people`.
    """
    marks = db.cipher.marks(str(user_id)) if db.has_cipher else ()
    return [-int(mark[:_PSEUDONYM_DIGITS], 16) for mark in marks]


class Quotas(BotRepository):
    """The questions asked through one bot; the quota applies to all bots together.

    With a cipher, the use before the deletion of all data still counts. `packs` are the extra
    questions.
    """

    def __init__(self, db: Database, bot_id: int, clock: Clock = utc_now) -> None:
        super().__init__(db, bot_id, clock)
        self.packs = QuestionPacks(db, clock)

    @transaction
    def reserve(
        self, user_id: int, update_id: int, kind: Format, plan: Plan, zone: tzinfo
    ) -> Left | None:
        """Reserve one question of the plan, or else of a pack; once for an update.

        If neither has any left, the result says why and until when. A question that was released or
        refused is checked again. With UNLIMITED nothing is counted.
        """
        if plan == UNLIMITED:
            return None
        lock_user(self.db, user_id, self._clock)
        for (state,) in self.db.sql(_FIND, self._bot_id, update_id):
            if state != UseState.RETURNED.value:
                # The process that answers it now has the full time: it is not released meanwhile.
                self.db.sql(_REFRESH, iso(self._clock()), self._bot_id, update_id)
                return None
        now = today(self._clock(), zone)
        allowance = allowance_of(plan, kind)
        pack_id = None
        used = self._read_used(user_id, now) if is_limited(allowance) else {}
        left = compute_left(kind, allowance, used.get(kind, _UNUSED), now)
        if left.remaining == 0:
            pack_id = self.packs.find_open(user_id, kind)
            if pack_id is None:
                return left
        self.db.sql(
            _TAKE,
            self._bot_id,
            update_id,
            user_id,
            kind.value,
            pack_id,
            now.day,
            now.month,
            iso(self._clock()),
        )
        return None

    @transaction
    def charge(self, update_id: int) -> None:
        """Charge a reserved question; does nothing if none is reserved."""
        self.db.sql(_SETTLE, UseState.CHARGED.value, self._bot_id, update_id)

    @transaction
    def give_back(self, update_id: int) -> None:
        """Release a reserved question; does nothing if none is reserved."""
        self.db.sql(_SETTLE, UseState.RETURNED.value, self._bot_id, update_id)

    @transaction
    def give_back_before(self, at: datetime) -> int:
        """Release this bot's questions that were reserved before a time and never settled."""
        return len(self.db.sql(_RELEASE, self._bot_id, iso(at)))

    def read_left(
        self, user_id: int, plan: Plan, zone: tzinfo
    ) -> Mapping[Format, Left]:
        """Return the remaining quota of every format."""
        now = today(self._clock(), zone)
        used = self._read_used(user_id, now)
        packs = self.packs.count_unused(user_id)
        return {
            kind: compute_left(
                kind,
                allowance_of(plan, kind),
                used.get(kind, _UNUSED),
                now,
                packs.get(kind, 0),
            )
            for kind in Format
        }

    def _read_used(self, user_id: int, now: Today) -> Mapping[Format, tuple[int, int]]:
        """Return the questions counted this day and this month, also before an erasure."""
        used: dict[Format, tuple[int, int]] = {}
        for asker in (user_id, *pseudonyms(self.db, user_id)):
            for name, day, month in self.db.sql(_USES, now.day, asker, now.month):
                day_before, month_before = used.get(Format(name), _UNUSED)
                used[Format(name)] = day_before + int(day), month_before + int(month)
        return used
