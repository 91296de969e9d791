"""Plans with an end date, and their renewal.

Renewal: a plan that is paid again when it ends, until its owner stops it. Telegram renews
payments in Stars automatically, until the bot cancels it. With a saved method the api requests
the payment a day before the plan ends, then daily, three times at most; three days before the
payment the person is reminded and can stop it.

Term: the period in which a person has a plan. A term bought while the same plan still runs begins
when that ends. Different plans run in parallel, and the higher one counts (`quota.plan_of`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from peewee import fn

from merlin.billing.quota import Source
from merlin.core.clock import from_iso, iso
from merlin.core.money import Amount
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, Row, lock_user, transaction
from merlin.db.tables import RENEWAL, TERM
from merlin.db.values import RowMap
from merlin.providers.payments import Gateway

REMIND_BEFORE = timedelta(days=3)
PAY_BEFORE = timedelta(days=1)
AGAIN_AFTER = timedelta(days=1)
MAX_ATTEMPTS = 3
# Of a plan that an admin gives.
MAX_DAYS = 3650
_AT_ONCE = 20
_TICK = timedelta(microseconds=1)


class RenewalState(StrEnum):
    """The state of an auto-renewal; `failed`: the last attempts to charge failed.

    `stopping`: its owner cancelled it, but Telegram, which renews payments in Stars, has not
    confirmed.
    """

    ON = "on"
    STOPPING = "stopping"
    OFF = "off"
    FAILED = "failed"


# STOPPING: Telegram renews it until the bot cancels it.
RUNNING = (RenewalState.ON, RenewalState.STOPPING)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The renewal of one plan of a person.

    `method` is the saved method's id, or the first payment's in Stars; `method_title` its display
    name. `next_at` is the time of the next payment; `consented_at` when the person agreed.
    `announced_price`, in kopecks, is that of the reminder of the next payment, None before it.
    `stopped_at` is when Telegram confirmed the end of one in Stars. `replaced` are the first
    payments of earlier subscriptions in Stars that Telegram renews until the bot cancels them.
    """

    renewal_id: int
    user_id: int
    plan: str
    gateway: Gateway
    method: str
    state: RenewalState
    consented_at: datetime
    next_at: datetime
    tries: int = 0
    method_title: str = ""
    contact: str = ""
    announced_price: int | None = None
    stopped_at: datetime | None = None
    replaced: tuple[str, ...] = ()

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Return the first payments of the subscriptions that Telegram renews."""
        is_running = self.gateway is Gateway.STARS and self.state in RUNNING
        return (*self.replaced, self.method) if is_running else self.replaced

    @property
    def to_cancel(self) -> tuple[str, ...]:
        """Return the first payments of the subscriptions that the bot has to cancel."""
        is_on = self.state is RenewalState.ON
        return self.replaced if is_on else self.subscriptions

    def limit(self, price: Amount) -> Amount:
        """Return what to charge for a plan: its price, but not more than was announced."""
        if self.announced_price is None:
            return price
        return replace(price, minor=min(price.minor, self.announced_price))


@dataclass(frozen=True, slots=True)
class Term:
    """A plan from `starts_at` up to `ends_at`.

    `key` identifies what is given only once: "grant:17". `grant_id` is the ledger's
    row that it was given for. `by` as in `db.audit`.
    """

    term_id: int
    user_id: int
    plan: str
    starts_at: datetime
    ends_at: datetime
    source: Source
    key: str
    grant_id: int | None = None
    by: str = ""

    def is_open(self, now: datetime) -> bool:
        """Return whether some of its time is left; a refunded term to come has no length."""
        return self.ends_at > max(now, self.starts_at)


def term_start(terms: Sequence[Term], plan: str, now: datetime) -> datetime:
    """Return when a new term of a plan begins: now, or when the last one of it ends."""
    return max([now, *[term.ends_at for term in terms if term.plan == plan]])


def shorten(term: Term, length: timedelta, paid: Amount, remaining: Amount, now: datetime) -> Term:
    """Return a term shortened in proportion to the remaining money; it ends now at the earliest.

    `length` is its length when fully paid. Without money it ends at once; a term that has not
    begun gets zero length.
    """
    # Integers: multiplying a timedelta by an amount in kopecks would overflow.
    length_ticks = length // _TICK
    paid_time = _TICK * (length_ticks * remaining.minor // paid.minor if paid.minor else 0)
    earliest_end = max(term.starts_at, min(now, term.ends_at))
    return replace(term, ends_at=min(term.ends_at, max(term.starts_at + paid_time, earliest_end)))


def move_later_terms(terms: Sequence[Term], before: Term, after: Term) -> list[Term]:
    """Return the later terms of the same plan, moved earlier by the time one was shortened."""
    shortened_by = before.ends_at - after.ends_at
    later = (term for term in terms if term.plan == before.plan and term.term_id != before.term_id)
    return [
        replace(term, starts_at=term.starts_at - shortened_by, ends_at=term.ends_at - shortened_by)
        for term in later
        if term.starts_at >= before.ends_at and shortened_by > timedelta(0)
    ]


_RENEWALS = RowMap(Renewal, columns={"renewal_id": "id", "gateway": "till"}, sealed=RENEWAL.sealed)
_TERMS = RowMap(Term, columns={"term_id": "id", "by": "by_whom"})
_IS_ON = RENEWAL.state == RenewalState.ON.value


class Renewals(Repository):
    """One row for each person and plan; the method and the receipt contact are encrypted."""

    @transaction
    def begin(self, renewal: Renewal) -> int:
        """Store a renewal and return its id; that of the same person and plan is replaced."""
        row = _RENEWALS.write(renewal, self.db, but=("renewal_id", "user_id", "plan"))
        row["reminded_for"] = ""
        self.db.upsert(RENEWAL, {"user_id": renewal.user_id, "plan": renewal.plan}, row)
        if renewal.to_cancel:
            self.db.bump()
        condition = (RENEWAL.user_id == renewal.user_id) & (RENEWAL.plan == renewal.plan)
        return int(self.db.value(RENEWAL.select(RENEWAL.id).where(condition)))

    def list_of_user(self, user_id: int) -> list[Renewal]:
        """Return a person's renewals, active ones first."""
        query = RENEWAL.select().where(RENEWAL.user_id == user_id).order_by(RENEWAL.id)
        renewals = _RENEWALS.read_all(self.db, query)
        return sorted(renewals, key=lambda renewal: renewal.state is not RenewalState.ON)

    def find(self, user_id: int, renewal_id: int | None) -> Renewal | None:
        """Return a renewal of this person, None if it does not exist or is another person's."""
        condition = (RENEWAL.user_id == user_id) & (RENEWAL.id == renewal_id)
        return _RENEWALS.find(self.db, RENEWAL.select().where(condition))

    @transaction
    def stop(self, renewal_id: int, user_id: int, state: RenewalState = RenewalState.OFF) -> bool:
        """End a person's renewal; False if it is not on, or not theirs.

        One in Stars is STOPPING until `stopped`: the bot has to tell Telegram.
        """
        condition = (RENEWAL.id == renewal_id) & (RENEWAL.user_id == user_id) & _IS_ON
        by_bot = condition & (RENEWAL.till == Gateway.STARS.value)
        if self.db.update(RENEWAL, by_bot, state=RenewalState.STOPPING.value):
            self.db.bump()
            return True
        return self.db.update(RENEWAL, condition, state=state.value)

    @transaction
    def stop_all(self, user_id: int) -> None:
        """End every renewal of a person."""
        for renewal in self.list_of_user(user_id):
            self.stop(renewal.renewal_id, user_id)

    def list_stopping(self, gateway: Gateway) -> list[Renewal]:
        """Return the renewals with subscriptions to cancel at the gateway."""
        is_stopping = RENEWAL.state == RenewalState.STOPPING.value
        is_stopping = (is_stopping | (RENEWAL.replaced != "")) & (RENEWAL.till == gateway.value)
        stopping = RENEWAL.select().where(is_stopping).order_by(RENEWAL.id)
        return _RENEWALS.read_all(self.db, stopping.limit(_AT_ONCE))

    @transaction
    def mark_stopped(self, renewal: Renewal, subscription: str) -> None:
        """Store that Telegram has cancelled a subscription; nothing if already stored."""
        condition = RENEWAL.id == renewal.renewal_id
        query = self.db.for_update(RENEWAL.select().where(condition))
        stored = _RENEWALS.find(self.db, query)
        if stored is None or subscription not in stored.to_cancel:
            return
        values: Row = {"state": RenewalState.OFF.value, "stopped_at": iso(self._clock())}
        if subscription in stored.replaced:
            left = (each for each in stored.replaced if each != subscription)
            values = {"replaced": " ".join(left)}
        self.db.update(RENEWAL, condition, **values)

    @transaction
    def stop_unpaid(self, before: datetime) -> list[Renewal]:
        """End the renewals in Stars that were to be paid before a time, and return them.

        Telegram does not report that a person stopped one in its settings, or had too few Stars.
        The bot cancels it: otherwise Telegram would take the payment when they get Stars.
        """
        is_unpaid = _IS_ON & (RENEWAL.till == Gateway.STARS.value)
        is_unpaid &= RENEWAL.next_at <= iso(before)
        query = RENEWAL.select().where(is_unpaid).order_by(RENEWAL.id)
        unpaid = _RENEWALS.read_all(self.db, query)
        return [each for each in unpaid if self.stop(each.renewal_id, each.user_id)]

    @transaction
    def claim_due(self, now: datetime) -> list[Renewal]:
        """Claim the renewals of saved methods to pay now; each is postponed by AGAIN_AFTER.

        None is paid before its owner was reminded, however long nothing ran.
        """
        is_due = _IS_ON & (RENEWAL.till == Gateway.YOOKASSA.value)
        is_due &= (RENEWAL.next_at <= iso(now + PAY_BEFORE)) & (RENEWAL.tries < MAX_ATTEMPTS)
        is_due &= (RENEWAL.reminded_for == RENEWAL.next_at) | (RENEWAL.tries > 0)
        query = RENEWAL.select().where(is_due).order_by(RENEWAL.next_at, RENEWAL.id)
        rows = self.db.rows(query.limit(_AT_ONCE))
        return [_RENEWALS.read(row, self.db) for row in rows if self._claim(row, now)]

    def _claim(self, row: Row, now: datetime) -> bool:
        # After a long downtime too, attempts are a day apart.
        next_at = max(from_iso(row["next_at"]), now + PAY_BEFORE) + AGAIN_AFTER
        condition = (RENEWAL.id == row["id"]) & (RENEWAL.tries == row["tries"]) & _IS_ON
        return self.db.update(RENEWAL, condition, tries=row["tries"] + 1, next_at=iso(next_at))

    @transaction
    def schedule(self, renewal_id: int, next_at: datetime) -> None:
        """Set the time of the next payment, which is tried and announced anew."""
        self._schedule(RENEWAL.id == renewal_id, next_at)

    @transaction
    def postpone(self, user_id: int, plan: str, next_at: datetime) -> None:
        """Set the time of a plan's next payment by a saved method; Telegram sets its own."""
        is_of_plan = (RENEWAL.user_id == user_id) & (RENEWAL.plan == plan)
        self._schedule(is_of_plan & _IS_ON & (RENEWAL.till == Gateway.YOOKASSA.value), next_at)

    def _schedule(self, condition: Any, next_at: datetime) -> None:
        self.db.update(RENEWAL, condition, next_at=iso(next_at), tries=0, announced_price=None)

    @transaction
    def claim_reminders(self, now: datetime) -> list[Renewal]:
        """Claim the renewals whose owners are to be reminded now, once for each payment.

        Payments by saved methods wait for it; Telegram takes Stars at its own time.
        """
        is_near = _IS_ON & (RENEWAL.next_at <= iso(now + REMIND_BEFORE)) & (RENEWAL.tries == 0)
        is_near &= (RENEWAL.next_at > iso(now)) | (RENEWAL.till == Gateway.YOOKASSA.value)
        is_near &= RENEWAL.reminded_for != RENEWAL.next_at
        rows = self.db.rows(RENEWAL.select().where(is_near).order_by(RENEWAL.id).limit(_AT_ONCE))
        claimed = []
        for row in rows:
            # Skipped if another process reminds them.
            condition = (RENEWAL.id == row["id"]) & (RENEWAL.reminded_for == row["reminded_for"])
            if self.db.update(RENEWAL, condition, reminded_for=row["next_at"]):
                claimed.append(_RENEWALS.read(row, self.db))
        return claimed


class Terms(Repository):
    """One row for each term."""

    @transaction
    def give(self, term: Term) -> bool:
        """Store a term with its own start; False if its key was given before.

        The plan's next payment by a saved method, and its reminder, follow the end of the term.
        """
        row = {**_TERMS.write(term, but=("term_id",)), "at": iso(self._clock())}
        is_new = self.db.add_new(TERM, row)
        if is_new:
            Renewals(self.db).postpone(term.user_id, term.plan, term.ends_at)
        return is_new

    @transaction
    def add(self, user_id: int, plan: str, days: int, source: Source, key: str, by: str) -> bool:
        """Give a plan for `days`, from the end of its last term; False as in `give`."""
        lock_user(self.db, user_id, self._clock)
        starts = term_start(self.list_of_user(user_id), plan, self._clock())
        ends = starts + timedelta(days=days)
        is_new = self.give(Term(0, user_id, plan, starts, ends, source, key, None, by))
        if is_new:
            values = {"plan": plan, "days": days, "source": source.value}
            Audit(self.db, self._clock).note(by, "plan.give", person_reference(user_id), values)
        return is_new

    def list_of_user(self, user_id: int) -> list[Term]:
        """Return all terms of a person, newest first."""
        query = TERM.select().where(TERM.user_id == user_id).order_by(TERM.id.desc())
        return _TERMS.read_all(self.db, query)

    def list_ending(self, after: datetime, before: datetime) -> list[Term]:
        """Return the terms that end in this period, without a later term of the same plan."""
        is_in_period = (TERM.ends_at > iso(after)) & (TERM.ends_at <= iso(before))
        has_length = TERM.ends_at > TERM.starts_at
        other = TERM.alias("other")
        is_later = (other.user_id == TERM.user_id) & (other.plan == TERM.plan)
        later = other.select(other.id).where(is_later & (other.ends_at > TERM.ends_at))
        query = TERM.select().where(is_in_period & has_length & ~fn.EXISTS(later))
        return _TERMS.read_all(self.db, query.order_by(TERM.ends_at))

    def shorten(self, grant_id: int, length: timedelta, paid: Amount, remaining: Amount) -> None:
        """Shorten a grant's term in proportion to the remaining money; later ones move earlier.

        Call it within a transaction.
        """
        row = self.db.row(TERM.select().where(TERM.grant_id == grant_id))
        if row is None:
            return
        current, now = _TERMS.read(row), self._clock()
        shortened = shorten(current, length, paid, remaining, now)
        later = move_later_terms(self.list_of_user(current.user_id), current, shortened)
        for term in [shortened, *later]:
            values = {"starts_at": iso(term.starts_at), "ends_at": iso(term.ends_at)}
            self.db.update(TERM, TERM.id == term.term_id, **values)
