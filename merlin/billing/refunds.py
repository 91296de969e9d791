"""Refunds: money that is to go back, written down before anybody is asked to send it.

    wanted -> sending -> done | refused

The row's id is the key that the gateway is asked under, so asking again sends nothing twice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from merlin.billing.ledger import Entry, EntryKind, Ledger
from merlin.billing.purchases import ID_LENGTH, next_poll_delay
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Database, Repository, Row, transaction
from merlin.db.tables import PURCHASE, REFUND
from merlin.db.values import RowMap, storable_text
from merlin.providers.payments import Gateway, GatewayRefund

MAX_REASON_LENGTH = 250


class RefundState(StrEnum):
    """Where a refund stands; the values are what is stored."""

    WANTED = "wanted"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of one grant. `payment_id` is the gateway's own id of the payment.

    `by` as in `account.audit`; `trouble` is what the gateway said when it refused.
    """

    refund_id: str
    purchase_id: str
    grant_id: int
    gateway: Gateway
    payment_id: str
    user_id: int
    amount: Amount
    reason: str
    by: str
    state: RefundState
    at: datetime
    outside_id: str = ""
    trouble: str = ""


_REFUNDS = RowMap(Refund, columns={"refund_id": "id", "gateway": "till", "by": "by_whom"})
UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)
_UNDER_WAY = tuple(state.value for state in UNDER_WAY)
# Who sends a refund has so long; then another process asks what became of it.
_PATIENCE = timedelta(seconds=30)


class Refunds(Repository):
    """One row a refund; of one grant one is under way at a time."""

    def __init__(self, db: Database, clock: Clock = utc_now) -> None:
        super().__init__(db, clock)
        self._ledger = Ledger(db, clock)
        self._audit = Audit(db, clock)

    @transaction
    def want(
        self, grant_id: int, amount: Amount | None, reason: str, by: str, key: str = ""
    ) -> Refund:
        """Store the wish for a refund, None: of all that is left; note it in the audit.

        The one of the same `key` stays. Raises NotFound for an unknown grant, Refused for nothing,
        for more than is left, for a part of a payment in Stars, for Stars of somebody who left,
        and where one is under way.
        """
        grant = self._ledger.entry(grant_id)
        if grant.kind is not EntryKind.GRANT or grant.refers is None:
            raise NotFound(f"no grant {grant_id}", "billing-no-payment")
        # Held, so that two who refund at once do not both count what is left.
        self.db.row(self.db.locked(PURCHASE.select().where(PURCHASE.id == grant.purchase_id)))
        made = sha256(key.encode()).hexdigest()[:ID_LENGTH] if key else ""
        if made and (known := self.db.row(REFUND.select().where(REFUND.id == made))) is not None:
            return self._refund(known)
        rest, user_id = self._ledger.rest(grant_id), self._payer(grant.purchase_id)
        requested = amount or rest
        self._judge(grant, user_id, requested, rest)
        refund = Refund(
            refund_id=made or secrets.token_hex(ID_LENGTH // 2),
            purchase_id=grant.purchase_id,
            grant_id=grant_id,
            gateway=grant.gateway,
            payment_id=self._ledger.entry(grant.refers).outside_id,
            user_id=user_id,
            amount=requested,
            reason=storable_text(reason)[:MAX_REASON_LENGTH],
            by=storable_text(by),
            state=RefundState.WANTED,
            at=self._clock(),
        )
        row = _REFUNDS.write(refund, but=("user_id",))
        self.db.put(REFUND.insert({**row, "look_at": row["at"], "looks": 0}))
        self.db.bump()
        values = {
            "purchase": refund.purchase_id,
            "amount": requested.decimal,
            "reason": refund.reason,
        }
        values["currency"] = requested.currency.value
        self._audit.note(by, "payment.refund", person_reference(user_id), values)
        return refund

    def _judge(self, grant: Entry, user_id: int, amount: Amount, rest: Amount) -> None:
        """Raise Refused where this may not go back."""
        is_same = amount.currency is rest.currency
        if not rest.minor:
            raise Refused("all of it went back", "billing-refund-done")
        if not is_same or not 0 < amount.minor <= rest.minor:
            text = f"{amount.decimal} of {rest.decimal}"
            raise Refused(text, "billing-refund-too-much", rest=rest.decimal)
        if grant.gateway is Gateway.STARS and amount.minor != rest.minor:
            raise Refused("Stars go back whole", "billing-refund-stars")
        if grant.gateway is Gateway.STARS and not user_id:
            raise Refused("nobody knows whose the Stars are", "billing-refund-left")
        condition = (REFUND.grant_id == grant.entry_id) & REFUND.state.in_(_UNDER_WAY)
        if self.db.value(REFUND.select(REFUND.id).where(condition)) is not None:
            raise Refused("a refund is under way", "billing-refund-under-way")

    def is_due(self, gateway: Gateway, now: datetime) -> bool:
        """Return whether `due` would find any; reads alone, so it holds up no writer."""
        any_due = REFUND.select(REFUND.id).where(_due(gateway, now)).limit(1)
        return self.db.value(any_due) is not None

    @transaction
    def due(self, gateway: Gateway, now: datetime, limit: int = 20) -> list[Refund]:
        """Return the refunds to send or to ask about, as sending; nobody else gets them now."""
        query = REFUND.select().where(_due(gateway, now)).order_by(REFUND.look_at, REFUND.id)
        rows = self.db.rows(query.limit(limit))
        return [self._refund(row) for row in rows if self._is_mine(row, now)]

    def _is_mine(self, row: Row, now: datetime) -> bool:
        looks = row["looks"] + 1
        look_at = now + (_PATIENCE if looks == 1 else next_poll_delay(looks - 2))
        values = {"state": RefundState.SENDING.value, "looks": looks, "look_at": iso(look_at)}
        condition = (REFUND.id == row["id"]) & (REFUND.look_at == row["look_at"])
        return self.db.change(REFUND.update(values).where(condition)) > 0

    @transaction
    def look_at_all(self, gateway: Gateway, at: datetime) -> None:
        """Let every refund of a gateway that waits be due at `at` where it would be later."""
        is_later = (REFUND.till == gateway.value) & (REFUND.look_at > iso(at))
        self.db.change(REFUND.update({"look_at": iso(at)}).where(is_later))

    @transaction
    def done(self, refund_id: str, gateway_refund: GatewayRefund) -> Entry | None:
        """Note that the money went back, with the ledger's rows; None where that is known."""
        missing = NotFound(f"no refund {refund_id}", "billing-no-payment")
        row = self.db.one(REFUND.select().where(REFUND.id == storable_text(refund_id)), missing)
        # The reason stands here, from where it can be erased.
        entry = self._ledger.returned(Gateway(row["till"]), gateway_refund, row["by_whom"])
        values = {
            "state": RefundState.DONE.value,
            "outside_id": storable_text(gateway_refund.outside_id),
        }
        self.db.change(REFUND.update({**values, "look_at": None}).where(REFUND.id == row["id"]))
        return entry

    @transaction
    def refused(self, refund_id: str, trouble: str) -> bool:
        """Note that the gateway refused for good."""
        condition = (REFUND.id == storable_text(refund_id)) & REFUND.state.in_(_UNDER_WAY)
        values = {
            "state": RefundState.REFUSED.value,
            "trouble": storable_text(trouble)[:MAX_REASON_LENGTH],
        }
        return self.db.change(REFUND.update({**values, "look_at": None}).where(condition)) > 0

    def of(self, purchase_id: str) -> list[Refund]:
        """Return the refunds of a purchase, oldest first."""
        query = REFUND.select().where(REFUND.purchase_id == storable_text(purchase_id))
        return [self._refund(row) for row in self.db.rows(query.order_by(REFUND.at, REFUND.id))]

    def _payer(self, purchase_id: str) -> int:
        whose = PURCHASE.select(PURCHASE.user_id).where(PURCHASE.id == purchase_id)
        return int(self.db.value(whose))

    def _refund(self, row: Row) -> Refund:
        return _REFUNDS.read(row, user_id=self._payer(row["purchase_id"]))


def _due(gateway: Gateway, now: datetime) -> Any:
    return (REFUND.till == gateway.value) & (REFUND.look_at <= iso(now))
