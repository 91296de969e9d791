"""Refunds, stored before a gateway is asked to send them.

    wanted -> sending -> done | refused

The row's id is the idempotency key at the gateway, so repeating a request sends nothing twice.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from merlin.billing.ledger import EntryKind, Ledger, LedgerEntry, require_remaining
from merlin.billing.purchases import (
    ID_LENGTH,
    POLL_DELAYS,
    next_poll_delay,
    waits_too_long,
)
from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import is_blank
from merlin.core.money import Amount, parse_amount
from merlin.core.views import INTERNAL, named
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, Row, transaction
from merlin.db.tables import PURCHASE, REFUND
from merlin.db.values import RowMap, storable_text
from merlin.providers.payments import Gateway, GatewayRefund

MAX_REASON_LENGTH = 250


class RefundState(StrEnum):
    """The state of a refund."""

    # The values are stored in the database.
    WANTED = "wanted"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund."""

    refund_id: str = named("id")
    purchase_id: str = field(metadata=INTERNAL)
    grant_id: int = field(metadata=INTERNAL)
    gateway: Gateway = field(metadata=INTERNAL)
    # The gateway's own id of the payment.
    payment_id: str = field(metadata=INTERNAL)
    user_id: int = field(metadata=INTERNAL)
    amount: Amount
    reason: str
    by: str
    state: RefundState
    at: datetime
    outside_id: str = named(
        "gateway_id", 'Gateway\'s id of the refund; "" if there is none.', default=""
    )
    trouble: str = named(
        "gateway_reason",
        'Gateway\'s reason for declining the refund; "" if there is none.',
        default="",
    )


_REFUNDS = RowMap(Refund, columns={"refund_id": "id", "by": "by_whom"})
UNDER_WAY = (RefundState.WANTED, RefundState.SENDING)
_UNDER_WAY = tuple(state.value for state in UNDER_WAY)
# A new one is sent at once. The time a process has for it; then another asks for its state.
_POLL_DELAYS = (timedelta(), timedelta(seconds=30), *POLL_DELAYS)


class Refunds(Repository):
    """One row for each refund; a grant has at most one under way."""

    @transaction
    def request(
        self, grant_id: int, amount: Amount, reason: str, by: str, key: str = ""
    ) -> Refund:
        """Store a refund to send and log it in the audit.

        If a refund with the same `key` exists, it is returned. Raises NotFound for an unknown
        grant, Refused for nothing, for more than remains, for a part of a payment in Stars, for
        Stars of a person who left, and if one is under way.
        """
        ledger = Ledger(self.db, self._clock)
        grant = ledger.entry(grant_id)
        if grant.kind is not EntryKind.GRANT or grant.refers is None:
            raise NotFound(f"no grant {grant_id}", "billing-no-payment")
        # Locked, so that concurrent refunds do not both count the same remaining amount.
        user_id = ledger.lock_purchase(grant.purchase_id).user_id
        keyed_id = refund_id_of(key) if key else ""
        if existing := _REFUNDS.find(self.db, _select().where(REFUND.id == keyed_id)):
            return existing
        remaining = ledger.remaining_amount(grant_id)
        self._check(grant, user_id, amount, remaining)
        refund = Refund(
            refund_id=keyed_id or secrets.token_hex(ID_LENGTH // 2),
            purchase_id=grant.purchase_id,
            grant_id=grant_id,
            gateway=grant.gateway,
            payment_id=ledger.entry(grant.refers).outside_id,
            user_id=user_id,
            amount=amount,
            reason=storable_text(reason),
            by=storable_text(by),
            state=RefundState.WANTED,
            at=self._clock(),
        )
        row = _REFUNDS.write(refund, but=("user_id",))
        self.db.put(REFUND.insert({**row, "next_poll_at": row["at"], "polls": 0}))
        self.db.announce_change()
        values = {
            "purchase": refund.purchase_id,
            "amount": amount.decimal,
            "reason": refund.reason,
            "currency": amount.currency.value,
        }
        Audit(self.db, self._clock).note(
            by, "payment.refund", person_reference(user_id), values
        )
        return refund

    def _check(
        self, grant: LedgerEntry, user_id: int, amount: Amount, remaining: Amount
    ) -> None:
        """Raise Refused if this amount cannot be refunded."""
        if not remaining.minor:
            raise Refused("all of it went back", "billing-refund-done")
        require_remaining(amount, remaining)
        if grant.gateway is Gateway.STARS and amount.minor != remaining.minor:
            raise Refused("Stars go back whole", "billing-refund-stars")
        if grant.gateway is Gateway.STARS and not user_id:
            raise Refused("the payer of the Stars is unknown", "billing-refund-left")
        condition = (REFUND.grant_id == grant.entry_id) & REFUND.state.in_(_UNDER_WAY)
        if self.db.has(REFUND, condition):
            raise Refused("a refund is under way", "billing-refund-under-way")

    def is_due(self, gateway: Gateway, now: datetime) -> bool:
        """Return whether `claim_due` would return any; only reads, so it blocks no writer."""
        return self.db.has(REFUND, _due(gateway, now))

    @transaction
    def claim_due(
        self, gateway: Gateway, now: datetime, limit: int = 20
    ) -> list[Refund]:
        """Claim the refunds to send or to ask about, as sending; other processes skip them."""
        query = (
            _select().where(_due(gateway, now)).order_by(REFUND.next_poll_at, REFUND.id)
        )
        rows = self.db.rows(query.limit(limit))
        return [_REFUNDS.read(row) for row in rows if self._claim(row, now)]

    @transaction
    def make_due(self, gateway: Gateway, at: datetime, purchase_id: str = "") -> None:
        """Let the refunds that are being sent be asked about at `at`: of one purchase, or all.

        A try that ended with its process is none, and the same key sends nothing twice.
        """
        is_sending = REFUND.state == RefundState.SENDING.value
        is_of_it = REFUND.purchase_id == purchase_id if purchase_id else True
        condition = is_sending & (REFUND.gateway == gateway.value) & is_of_it
        is_later = REFUND.next_poll_at > iso(at)
        self.db.update(REFUND, condition & is_later, next_poll_at=iso(at), polls=0)

    def _claim(self, row: Row, now: datetime) -> bool:
        polls = row.polls + 1
        next_poll_at = now + next_poll_delay(polls, _POLL_DELAYS)
        values = {
            "state": RefundState.SENDING.value,
            "polls": polls,
            "next_poll_at": iso(next_poll_at),
        }
        condition = (REFUND.id == row.id) & (REFUND.next_poll_at == row.next_poll_at)
        return self.db.update(REFUND, condition, **values)

    @transaction
    def mark_done(
        self, refund_id: str, gateway_refund: GatewayRefund
    ) -> LedgerEntry | None:
        """Store that the money was returned, in the ledger too; None if already known."""
        not_found = NotFound(f"no refund {refund_id}", "billing-no-payment")
        row = self.db.get_row(
            REFUND.select().where(REFUND.id == storable_text(refund_id)), not_found
        )
        # The reason is stored only here, where it can be erased.
        record_refund = Ledger(self.db, self._clock).record_refund
        entry = record_refund(Gateway(row.gateway), gateway_refund, row.by_whom)
        values = {
            "state": RefundState.DONE.value,
            "outside_id": storable_text(gateway_refund.outside_id),
        }
        self.db.update(REFUND, REFUND.id == row.id, **values, next_poll_at=None)
        return entry

    @transaction
    def mark_refused(self, refund_id: str, trouble: str) -> bool:
        """Store that the gateway refused for good."""
        condition = (REFUND.id == storable_text(refund_id)) & REFUND.state.in_(
            _UNDER_WAY
        )
        values = {
            "state": RefundState.REFUSED.value,
            "trouble": storable_text(trouble)[:MAX_REASON_LENGTH],
        }
        return self.db.update(REFUND, condition, **values, next_poll_at=None)

    def is_owed_stars(self, user_id: int) -> bool:
        """Return whether a refund in Stars is under way to a person, who has to be known for it."""
        is_waiting = (REFUND.gateway == Gateway.STARS.value) & REFUND.state.in_(
            _UNDER_WAY
        )
        return (
            self.db.row(_select().where(is_waiting & (PURCHASE.user_id == user_id)))
            is not None
        )

    def list_of_purchase(self, purchase_id: str) -> list[Refund]:
        """Return the refunds of a purchase, oldest first."""
        query = _select().where(REFUND.purchase_id == storable_text(purchase_id))
        return _REFUNDS.read_all(self.db, query.order_by(REFUND.at, REFUND.id))


def _select() -> Any:
    """Return the query of refunds with the person who paid, 0 if their data was deleted."""
    query = REFUND.select(*REFUND.every(), PURCHASE.user_id)
    return query.join(PURCHASE, on=(PURCHASE.id == REFUND.purchase_id))


def refund_id_of(key: str) -> str:
    """Return the id of the refund that is requested with a key."""
    return sha256(key.encode()).hexdigest()[:ID_LENGTH]


def check_reason(reason: str) -> None:
    """Raise Refused for a reason of which nothing can be seen, or that is too long."""
    if is_blank(reason):
        raise Refused("no reason", "billing-refund-reason")
    if len(reason) > MAX_REASON_LENGTH:
        raise Refused("too long", "billing-refund-long-reason", most=MAX_REASON_LENGTH)


def parse_refund(text: str, remaining: Amount, language: str) -> Amount:
    """Return the amount that a person typed to refund; "": all that remains. Raises Refused."""
    try:
        amount = parse_amount(text, remaining.currency) if text.strip() else remaining
    except ValueError:
        raise Refused(f"{text} is no amount", "billing-no-amount", said=text) from None
    require_remaining(amount, remaining, language)
    return amount


def _due(gateway: Gateway, now: datetime) -> Any:
    is_set_back = waits_too_long(REFUND, now, _POLL_DELAYS)
    return (REFUND.gateway == gateway.value) & (
        (REFUND.next_poll_at <= iso(now)) | is_set_back
    )
