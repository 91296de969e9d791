"""Rows of codes; fulfils `billing.promo.Promos`."""

from __future__ import annotations

from typing import Any

from peewee import JOIN, Select, fn

from merlin.billing.promo import MOST_DAYS, Listed, Promo, is_sound, written
from merlin.billing.purchase import PurchaseState
from merlin.billing.term import Source
from merlin.core.clock import Clock, from_iso, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.store.audit import AuditRows
from merlin.store.billing_tables import PROMO, PROMO_USE, PURCHASE
from merlin.store.cipher import Cipher
from merlin.store.database import Database, Row, transaction
from merlin.store.leaving import LeavingRows
from merlin.store.terms import TermRows
from merlin.store.values import plain, read_time, stored_time


class PromoRows:
    """One row a code, one more a person who used it.

    With a cipher it is known who used one before they deleted everything.
    """

    def __init__(self, db: Database, clock: Clock = utc_now, cipher: Cipher | None = None) -> None:
        self.db = db
        self._clock = clock
        self._audit = AuditRows(db, clock)
        self._terms = TermRows(db, clock)
        self._leaving = LeavingRows(db, cipher, clock) if cipher is not None else None

    @transaction
    def add(self, promo: Promo) -> None:
        """Store a code, noted in the audit.

        Raises Refused for one that is there, is no code, or gives what no code can.
        """
        code = written(promo.code)
        if not code:
            raise Refused(f"no code {promo.code}", "promo-no-code")
        if not is_sound(promo, self._clock()):
            raise Refused(f"{code} gives nothing that it can", "promo-wrong", days=MOST_DAYS)
        row = {
            "code": code,
            "plan": plain(promo.plan),
            "days": promo.days,
            "percent": promo.percent,
            "most_uses": promo.most_uses,
            "ends_at": stored_time(promo.ends_at),
            "by_whom": plain(promo.by),
            "at": iso(self._clock()),
            "stopped_at": None,
        }
        if not self.db.put(PROMO.insert(row).on_conflict_ignore()):
            raise Refused(f"{code} is there", "promo-there", code=code)
        told = {"plan": promo.plan, "days": promo.days, "percent": promo.percent}
        self._audit.note(promo.by, "promo.add", f"promo:{code}", told)

    @transaction
    def stop(self, code: str, by: str) -> None:
        """Let nobody use a code any more. Raises NotFound."""
        this = (PROMO.code == written(code)) & PROMO.stopped_at.is_null()
        if not self.db.change(PROMO.update({"stopped_at": iso(self._clock())}).where(this)):
            raise NotFound(f"no code {code}", "promo-unknown")
        self._audit.note(by, "promo.stop", f"promo:{written(code)}")

    def all(self) -> list[Listed]:
        """Return every code, newest first."""
        uses: Any = fn.COUNT(PROMO_USE.id)
        query = PROMO.select(*PROMO.every(), uses.alias("uses"))
        query = query.join(PROMO_USE, JOIN.LEFT_OUTER, on=(PROMO_USE.promo_id == PROMO.id))
        rows = self.db.rows(query.group_by(PROMO.id).order_by(PROMO.id.desc()))
        return [
            Listed(_promo(row), from_iso(row["at"]), int(row["uses"]), bool(row["stopped_at"]))
            for row in rows
        ]

    @transaction
    def redeem(self, user_id: int, code: str) -> Promo:
        """Use up a code that gives days, and give them."""
        row = self._usable(user_id, code)
        promo = _promo(row)
        if not promo.days:
            raise Refused("a code for a lower price", "promo-is-percent", plan=promo.plan)
        self._use(row, user_id, None)
        key, by = f"promo:{promo.code}", f"promo:{promo.code}"
        self._terms.add(user_id, promo.plan, promo.days, Source.PROMO, key, by)
        return promo

    def find(self, user_id: int, code: str, plan: str = "") -> Promo:
        """Return a code that this person may use now, for a plan where one is named.

        One that an unpaid order of theirs holds may be used: for that order, or in its place.
        """
        unpaid = [state.value for state in PurchaseState if state.is_unpaid]
        mine = (PURCHASE.user_id == user_id) & PURCHASE.state.in_(unpaid)
        promo = _promo(self._usable(user_id, code, PURCHASE.select(PURCHASE.id).where(mine)))
        if plan and promo.plan != plan:
            raise Refused("a code of another plan", "promo-other-plan", plan=promo.plan)
        return promo

    @transaction
    def hold(self, user_id: int, code: str, purchase_id: str) -> None:
        """Keep one use for an order; the same order keeps it once."""
        this = (PROMO.code == written(code)) & (PROMO_USE.purchase_id == purchase_id)
        query = PROMO_USE.select(PROMO_USE.id).join(PROMO, on=(PROMO.id == PROMO_USE.promo_id))
        if self.db.value(query.where(this)) is None:
            self._use(self._usable(user_id, code), user_id, purchase_id)

    def _use(self, row: Row, user_id: int, purchase_id: str | None) -> None:
        use = {"promo_id": row["id"], "user_id": user_id, "purchase_id": purchase_id}
        self.db.put(PROMO_USE.insert({**use, "at": iso(self._clock())}))

    def _usable(self, user_id: int, code: str, spared: Select | None = None) -> Row:
        """Return the row of a code that may be used now, held until the transaction ends.

        Uses that are kept for the orders `spared` do not count.
        """
        row = self.db.row(self.db.locked(PROMO.select().where(PROMO.code == written(code))))
        if row is None or row["stopped_at"] is not None:
            raise Refused(f"no code {code}", "promo-unknown")
        if row["ends_at"] is not None and row["ends_at"] <= iso(self._clock()):
            raise Refused(f"{code} is over", "promo-over")
        counts = PROMO_USE.promo_id == row["id"]
        if spared is not None:
            counts &= PROMO_USE.purchase_id.is_null() | PROMO_USE.purchase_id.not_in(spared)
        mine = PROMO_USE.select(PROMO_USE.id).where(counts & (PROMO_USE.user_id == user_id))
        if self.db.value(mine) is not None or self._had(user_id, row["code"]):
            raise Refused(f"{code} is used", "promo-used")
        uses = self.db.value(PROMO_USE.select(fn.COUNT(PROMO_USE.id)).where(counts))
        if row["most_uses"] is not None and int(uses) >= row["most_uses"]:
            raise Refused(f"{code} is used up", "promo-used-up")
        return row

    def _had(self, user_id: int, code: str) -> bool:
        return self._leaving is not None and self._leaving.had_promo(user_id, code)


def _promo(row: Row) -> Promo:
    return Promo(
        code=row["code"],
        plan=row["plan"],
        days=row["days"],
        percent=row["percent"],
        most_uses=row["most_uses"],
        ends_at=read_time(row["ends_at"]),
        by=row["by_whom"],
    )
