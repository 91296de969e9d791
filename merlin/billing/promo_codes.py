"""Promo codes, which reduce the price of a plan or give days of it, and their uses."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from peewee import JOIN, Select, fn

from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.quota import Plan, Source
from merlin.billing.subscriptions import Terms
from merlin.billing.tombstones import Tombstones
from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.core.views import described
from merlin.db.audit import Audit
from merlin.db.database import Repository, Row, lock_user, transaction
from merlin.db.tables import PROMO, PROMO_USE, PURCHASE
from merlin.db.values import RowMap

MAX_DAYS = 3650
MAX_PERCENT = 99
# Letters that people can tell apart and type on a phone; `-` and `_` within.
_CODE = re.compile(r"[0-9A-ZА-ЯЁ][0-9A-ZА-ЯЁ_-]{2,31}")


@dataclass(frozen=True, slots=True)
class Promo:
    """One code: `days` of `plan` for nothing, or `percent` off its price.

    `most_uses` None: any number of people, each once; `ends_at` None: until it is stopped.
    """

    code: str
    plan: str
    days: int = described("Days of the plan that the code grants; 0 for a discount code.", 0)
    percent: int = described("Discount in percent; 0 for a code that grants days.", 0)
    most_uses: int | None = described(
        "Maximum number of uses, one per person; null if unlimited.", None
    )
    ends_at: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPromo(Promo):
    """A promo code; `at` is when it was created, `uses` how often it was used."""

    at: datetime
    uses: int
    stopped: bool

    def state_at(self, now: datetime) -> str:
        """Return "on" for a code that can be used, else "stopped", "over" or "used-up"."""
        if self.stopped:
            return "stopped"
        if self.ends_at is not None and self.ends_at <= now:
            return "over"
        is_used_up = self.most_uses is not None and self.uses >= self.most_uses
        return "used-up" if is_used_up else "on"


def normalise_code(code: str) -> str:
    """Return a code as it is stored, in upper case; "" if it is invalid."""
    normalised = code.strip().upper()
    return normalised if _CODE.fullmatch(normalised) else ""


def prices(plan: Plan, promo: Promo | None) -> tuple[Amount | None, Amount | None]:
    """Return the price of a plan in roubles and in Stars, each None if not sold for that currency.

    At least one kopeck or one Star.
    """
    percent = promo.percent if promo is not None else 0
    return _discount(plan.rub, percent), _discount(plan.xtr, percent)


def _discount(price: Amount | None, percent: int) -> Amount | None:
    if price is None or not percent:
        return price
    # Rounded in the buyer's favour.
    return Amount(max(price.minor * (100 - percent) // 100, 1), price.currency)


_PROMOS = RowMap(Promo, columns={"by": "by_whom"})
_STORED = RowMap(StoredPromo, columns={"by": "by_whom"})
# Unpaid states: the code can be used for another order instead.
_UNPAID = tuple(
    each.value for each in PurchaseState if not each.is_paid and each is not PurchaseState.HELD
)


class Promos(Repository):
    """One row for each code and one for each use.

    With a cipher, uses are recognised even after the person deleted all data.
    """

    @transaction
    def add(self, promo: Promo) -> StoredPromo:
        """Store a code and log it in the audit.

        Raises Refused if it exists, is invalid, or has an invalid benefit or limit.
        """
        code = normalise_code(promo.code)
        if not code:
            raise Refused(f"no code {promo.code}", "promo-code-invalid")
        has_days = 0 < promo.days <= MAX_DAYS and not promo.percent
        has_percent = 0 < promo.percent <= MAX_PERCENT and not promo.days
        has_uses = promo.most_uses is None or promo.most_uses > 0
        has_ended = promo.ends_at is not None and promo.ends_at <= self._clock()
        if not (has_days or has_percent) or not has_uses or has_ended:
            raise Refused(f"{code} gives nothing that it can", "promo-value-invalid", days=MAX_DAYS)
        row = _PROMOS.write(replace(promo, code=code))
        row |= {"at": iso(self._clock()), "stopped_at": None}
        if not self.db.add_new(PROMO, row):
            raise Refused(f"{code} is there", "promo-exists", code=code)
        gives = {"days": promo.days} if promo.days else {"percent": promo.percent}
        values = {"plan": promo.plan, **gives}
        Audit(self.db, self._clock).note(promo.by, "promo.add", f"promo:{code}", values)
        return self.get(code)

    @transaction
    def stop(self, code: str, by: str) -> None:
        """Stop a code. Raises NotFound."""
        condition = (PROMO.code == normalise_code(code)) & PROMO.stopped_at.is_null()
        if not self.db.update(PROMO, condition, stopped_at=iso(self._clock())):
            raise NotFound(f"no code {code}", "promo-unknown")
        Audit(self.db, self._clock).note(by, "promo.stop", f"promo:{normalise_code(code)}")

    def list_names(self) -> list[str]:
        """Return all codes without what they give."""
        return [row["code"] for row in self.db.rows(PROMO.select(PROMO.code))]

    def get(self, code: str) -> StoredPromo:
        """Return a code in any state. Raises NotFound."""
        missing = NotFound(f"no code {code}", "promo-unknown")
        query = _select_stored().where(PROMO.code == normalise_code(code))
        return _stored(self.db.get_row(query, missing))

    def list_newest(self, limit: int | None = None, before: str = "") -> list[StoredPromo]:
        """Return all codes, or the first few, newest first: those after the code `before`."""
        query = _select_stored().order_by(PROMO.id.desc()).limit(limit)
        if before:
            query = query.where(PROMO.id < PROMO.select(PROMO.id).where(PROMO.code == before))
        return [_stored(row) for row in self.db.rows(query)]

    @transaction
    def redeem(self, user_id: int, code: str) -> Promo:
        """Redeem a code that gives days of a plan."""
        row = self._usable(user_id, code)
        promo = _PROMOS.read(row)
        self._use(row, user_id, None)
        key, by = f"promo:{promo.code}", f"promo:{promo.code}"
        Terms(self.db, self._clock).add(user_id, promo.plan, promo.days, Source.PROMO, key, by)
        return promo

    def find(self, user_id: int, code: str) -> Promo:
        """Return a code that this person may use now.

        A code held by an unpaid order of theirs may be used, for that order or in its place.
        """
        return _PROMOS.read(self._usable(user_id, code, _unpaid(user_id)))

    @transaction
    def hold(self, user_id: int, code: str, purchase_id: str) -> None:
        """Reserve the person's use of a code for an order, instead of another unpaid order.

        It is reserved until the order can no longer be paid, even if it was abandoned.
        """
        self._use(self._usable(user_id, code, _unpaid(user_id)), user_id, purchase_id)

    def may_take(self, purchase: Purchase) -> bool:
        """Return whether a payment for this order would get a use of its code; does not write.

        True for an order without a code or without a person.
        """
        query = PROMO.select().where(PROMO.code == purchase.order.promo)
        return not _is_coded(purchase) or self._has_room(purchase, self.db.row(query))

    @transaction
    def take(self, purchase: Purchase) -> bool:
        """Use the code of an order that is being paid; False if no use is left for it.

        `purchase` is in its state before the payment: an order paid twice uses its code once. The
        caller has locked the person and the order.
        """
        if not _is_coded(purchase):
            return True
        query = PROMO.select().where(PROMO.code == purchase.order.promo)
        row = self.db.row(self.db.for_update(query))
        if row is None or not self._has_room(purchase, row):
            return False
        self._use(row, purchase.user_id, purchase.purchase_id)
        return True

    def _has_room(self, purchase: Purchase, row: Row | None) -> bool:
        """Return whether an order holds a use of its code, whose row is given, or can get one.

        A code that was stopped or ended after the order was made still counts.
        """
        if row is None or purchase.state.is_paid:
            return False
        uses = PROMO_USE.promo_id == row["id"]
        own_use = self.db.row(
            PROMO_USE.select().where(uses & (PROMO_USE.user_id == purchase.user_id))
        )
        if own_use is not None:
            unpaid_orders = {row["id"] for row in self.db.rows(_unpaid(purchase.user_id))}
            return own_use["purchase_id"] in {*unpaid_orders, purchase.purchase_id}
        if row["most_uses"] is None:
            return True
        return self.db.count(PROMO_USE, uses) < int(row["most_uses"])

    def _use(self, row: Row, user_id: int, purchase_id: str | None) -> None:
        """Create the person's use of a code, or move it to this order."""
        condition = (PROMO_USE.promo_id == row["id"]) & (PROMO_USE.user_id == user_id)
        if not self.db.update(PROMO_USE, condition, purchase_id=purchase_id):
            use = {"promo_id": row["id"], "user_id": user_id, "purchase_id": purchase_id}
            self.db.put(PROMO_USE.insert({**use, "at": iso(self._clock())}))

    def _usable(self, user_id: int, code: str, excluded: Select | None = None) -> Row:
        """Return the row of a code that may be used now, locked until the transaction ends.

        Uses reserved for the orders `excluded` do not count.
        """
        # Lock the person before the code, in the same order as payments do.
        lock_user(self.db, user_id)
        row = self.db.row(
            self.db.for_update(PROMO.select().where(PROMO.code == normalise_code(code)))
        )
        if row is None or row["stopped_at"] is not None:
            raise Refused(f"no code {code}", "promo-unknown")
        if row["ends_at"] is not None and row["ends_at"] <= iso(self._clock()):
            raise Refused(f"{code} is over", "promo-expired")
        is_counted = PROMO_USE.promo_id == row["id"]
        if excluded is not None:
            is_counted &= PROMO_USE.purchase_id.is_null() | PROMO_USE.purchase_id.not_in(excluded)
        is_used = self.db.has(PROMO_USE, is_counted & (PROMO_USE.user_id == user_id))
        was_used = Tombstones(self.db, self._clock).has_had(user_id, Source.PROMO, row["code"])
        if is_used or was_used:
            raise Refused(f"{code} is used", "promo-used")
        limit = row["most_uses"]
        if limit is not None and self.db.count(PROMO_USE, is_counted) >= limit:
            raise Refused(f"{code} is used up", "promo-used-up")
        return row


def _select_stored() -> Select:
    uses: Any = fn.COUNT(PROMO_USE.id)
    query = PROMO.select(*PROMO.every(), uses.alias("uses")).group_by(PROMO.id)
    return query.join(PROMO_USE, JOIN.LEFT_OUTER, on=(PROMO_USE.promo_id == PROMO.id))


def _stored(row: Row) -> StoredPromo:
    return _STORED.read(row, stopped=bool(row["stopped_at"]))


def _is_coded(purchase: Purchase) -> bool:
    return bool(purchase.order.promo and purchase.user_id)


def _unpaid(user_id: int) -> Select:
    """Return the query of a person's unpaid orders."""
    condition = (PURCHASE.user_id == user_id) & PURCHASE.state.in_(_UNPAID)
    return PURCHASE.select(PURCHASE.id).where(condition)
