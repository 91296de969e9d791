"""The ledger: one row for each payment, grant, refund and revocation; rows are only added.

Every grant refers to one payment, every refund and every revocation to one grant. Amounts are
whole kopecks or Stars, never negative; the kind tells the direction. No row names a person: the
purchase does, until they delete their data.

A payment, its grant, the granted questions or time, and the purchase's new state are stored in one
transaction, and so is a refund with what it revokes. The gateway's own id is the key of a row, so a
repeated notification finds the row and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from merlin.billing.purchases import Purchase, Purchases, PurchaseState
from merlin.billing.quota import Format, QuestionPack, QuestionPacks
from merlin.billing.subscriptions import Subscriptions
from merlin.billing.terms import PlanTerm, Terms, term_start
from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.core.views import named
from merlin.db.database import Repository, lock_user, transaction
from merlin.db.tables import LEDGER, PURCHASE
from merlin.db.values import RowMap, storable_text
from merlin.providers.payments import Gateway, GatewayPayment, GatewayRefund


class EntryKind(StrEnum):
    """The kind of a ledger entry."""

    # The values are stored in the database.
    PAYMENT = "payment"
    GRANT = "grant"
    REFUND = "refund"
    REVOCATION = "revocation"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A ledger entry. `refers` is the id of the entry it is based on, null for a payment.

    `gateway_id` is the gateway's id of the payment or refund. `source` is "billing", "user", or a
    gateway; the person and the reason are in the `refund`. `reason` is the gateway's code.
    """

    entry_id: int = field(metadata={"alias": "id"})
    kind: EntryKind
    purchase_id: str = field(metadata={"alias": "order"})
    gateway: Gateway
    amount: Amount
    at: datetime
    refers: int | None = None
    outside_id: str = named("gateway_id", default="")
    source: str = ""
    reason: str = ""
    is_test: bool = False


def pack_key(grant_id: int, kind: Format) -> str:
    """Return the key of a pack's questions of one format."""
    return f"grant:{grant_id}:{kind.value}"


def sum_refunds(entries: Sequence[LedgerEntry]) -> int:
    """Return the refunded kopecks or Stars."""
    return sum(
        entry.amount.minor for entry in entries if entry.kind is EntryKind.REFUND
    )


def remaining_amount(grant: LedgerEntry, entries: Sequence[LedgerEntry]) -> Amount:
    """Return the amount of a grant that is not refunded; `entries` are those of its purchase."""
    back = sum_refunds([entry for entry in entries if entry.refers == grant.entry_id])
    return Amount(grant.amount.minor - back, grant.amount.currency)


def require_remaining(amount: Amount, remaining: Amount, language: str = "") -> None:
    """Raise Refused for an amount that is not the remaining one or a part of it.

    The text names the remaining amount as it is written in `language`, "" as a number.
    """
    is_same = amount.currency is remaining.currency
    if not is_same or not 0 < amount.minor <= remaining.minor:
        text = f"{amount.decimal} of {remaining.decimal}"
        rest = remaining.format(language) if language else remaining.decimal
        raise Refused(text, "billing-refund-too-much", rest=rest)


BY = "billing"
_ENTRIES = RowMap(LedgerEntry, columns={"entry_id": "id"})
_MAX_TEXT_LENGTH = 250


class Ledger(Repository):
    """One row for each movement; the database refuses to change any."""

    @transaction
    def record_payment(
        self, purchase_id: str, payment: GatewayPayment
    ) -> LedgerEntry | None:
        """Store a payment, its grant, and what it grants; return the grant.

        None for a payment that is already stored: then nothing changes. An order in Stars of a
        person whose data was deleted belongs to its payer again: Telegram refunds Stars only to a
        known person. Raises NotFound for an unknown purchase.
        """
        purchase = self.lock_purchase(purchase_id)
        outside_id = payment.outside_id
        paid = self._add(
            purchase,
            f"payment:{purchase.order.gateway.value}:{outside_id}",
            EntryKind.PAYMENT,
            payment.amount,
            outside_id=outside_id,
            at=payment.at or purchase.created_at,
        )
        if paid is None:
            return None
        if not purchase.user_id and purchase.order.gateway is Gateway.STARS:
            payer = int(payment.user_id)
            purchase = Purchases(self.db, self._clock).assign(purchase_id, payer)
        grant = self._add(
            purchase,
            f"grant:{paid.entry_id}",
            EntryKind.GRANT,
            payment.amount,
            refers=paid.entry_id,
        )
        if grant is None:
            raise AssertionError(
                f"payment {paid.entry_id} was granted before it was stored"
            )
        if payment.until is not None:
            extend = Subscriptions(self.db, self._clock).extend
            extend(purchase_id, payment.until)
        self._apply_grant(purchase, grant.entry_id, payment.until)
        Purchases(self.db, self._clock).advance(purchase_id, PurchaseState.PAID)
        condition = PURCHASE.id == purchase.purchase_id
        # A fully refunded order that is paid again becomes paid again.
        is_back = PURCHASE.state == PurchaseState.REFUNDED.value
        self.db.update(
            PURCHASE, condition & is_back, state=PurchaseState.REFUNDED_IN_PART.value
        )
        # The payment identifies it, also if the gateway's answer was lost.
        known = {"outside_id": storable_text(outside_id)}
        self.db.update(PURCHASE, condition & (PURCHASE.outside_id == ""), **known)
        return grant

    def _apply_grant(
        self, purchase: Purchase, grant_id: int, until: datetime | None
    ) -> None:
        """Grant what was promised; a person without data gets nothing, and admins are notified.

        A subscription is paid `until`, unless the plan goes on longer already.
        """
        promise = purchase.order.promise
        user_id = purchase.user_id
        now = self._clock()
        lasts = timedelta(days=promise.days) if promise.days is not None else None
        if not user_id:
            return
        if promise.pack:
            until = None if lasts is None else now + lasts
            for kind, amount in promise.pack.items():
                key = pack_key(grant_id, kind)
                QuestionPacks(self.db, self._clock).add(
                    QuestionPack(user_id, kind, amount, key, until)
                )
        elif lasts is not None:
            terms = Terms(self.db, self._clock)
            key = f"grant:{grant_id}"
            starts = term_start(terms.list_of_user(user_id), promise.plan, now)
            ends = starts + lasts
            if until is not None:
                ends = max(until, starts if starts == now else ends)
            terms.give(
                PlanTerm(0, user_id, promise.plan, starts, ends, key, grant_id, BY)
            )

    @transaction
    def record_refund(
        self,
        gateway: Gateway,
        gateway_refund: GatewayRefund,
        by: str = "",
        reason: str = "",
    ) -> LedgerEntry | None:
        """Store a refund, and revoke the share of the grant that is no longer paid.

        None for a refund that is already stored. Raises NotFound for an unknown payment,
        Refused for more than was paid.
        """
        paid = self._find(f"payment:{gateway.value}:{gateway_refund.payment_id}")
        grant = None if paid is None else self._find(f"grant:{paid.entry_id}")
        if grant is None:
            raise NotFound(
                f"no payment {gateway_refund.payment_id}", "billing-no-payment"
            )
        purchase = self.lock_purchase(grant.purchase_id)
        key = f"refund:{gateway.value}:{gateway_refund.outside_id}"
        if self._find(key) is not None:
            return None
        require_remaining(gateway_refund.amount, self.remaining_amount(grant.entry_id))
        refund = self._add(
            purchase,
            key,
            EntryKind.REFUND,
            gateway_refund.amount,
            refers=grant.entry_id,
            outside_id=gateway_refund.outside_id,
            at=gateway_refund.at,
            # The person is stored in the refund, from where it can be erased.
            source=by.partition(":")[0],
            reason=storable_text(reason)[:_MAX_TEXT_LENGTH],
        )
        if refund is not None:
            self._revoke(purchase, grant)
        return refund

    def _revoke(self, purchase: Purchase, grant: LedgerEntry) -> None:
        """Revoke the share of a grant that is not paid any more; of a pack, rounded down."""
        rest = self.remaining_amount(grant.entry_id)
        length = timedelta(days=purchase.order.promise.days or 0)
        Terms(self.db, self._clock).shorten(grant.entry_id, length, grant.amount, rest)
        for kind, amount in purchase.order.promise.pack.items():
            kept = -(-amount * rest.minor // grant.amount.minor)
            key = pack_key(grant.entry_id, kind)
            QuestionPacks(self.db, self._clock).reduce(purchase.user_id, key, kept)
        if not rest.minor:
            key = f"revocation:{grant.entry_id}"
            refers = grant.entry_id
            self._add(purchase, key, EntryKind.REVOCATION, rest, refers=refers)
        entries = self.entries(purchase.purchase_id)
        grants = (entry for entry in entries if entry.kind is EntryKind.GRANT)
        is_all_back = not any(
            remaining_amount(grant, entries).minor for grant in grants
        )
        is_back = (
            PurchaseState.REFUNDED if is_all_back else PurchaseState.REFUNDED_IN_PART
        )
        Purchases(self.db, self._clock).advance(purchase.purchase_id, is_back)

    def entries(self, purchase_id: str) -> list[LedgerEntry]:
        """Return the rows of a purchase, oldest first."""
        query = LEDGER.select().where(LEDGER.purchase_id == storable_text(purchase_id))
        return _ENTRIES.read_all(self.db, query.order_by(LEDGER.id))

    def list_orders(self, since: datetime, until: datetime) -> list[str]:
        """Return the ids of the purchases with rows of a period, sorted."""
        is_then = (LEDGER.at >= iso(since)) & (LEDGER.at < iso(until))
        query = LEDGER.select(LEDGER.purchase_id).where(is_then).distinct()
        return [
            row.purchase_id for row in self.db.rows(query.order_by(LEDGER.purchase_id))
        ]

    def remaining_amount(self, grant_id: int) -> Amount:
        """Return the amount of a grant that is not refunded. Raises NotFound."""
        grant = self.entry(grant_id)
        return remaining_amount(grant, self.entries(grant.purchase_id))

    def lock_purchase(self, purchase_id: str) -> Purchase:
        """Return the purchase; it and its person are locked until the transaction ends."""
        purchase = Purchases(self.db, self._clock).get(purchase_id)
        if purchase.user_id:
            lock_user(self.db, purchase.user_id)
        self.db.row(
            self.db.for_update(
                PURCHASE.select().where(PURCHASE.id == purchase.purchase_id)
            )
        )
        return Purchases(self.db, self._clock).get(purchase_id)

    def _add(
        self,
        purchase: Purchase,
        key: str,
        kind: EntryKind,
        amount: Amount,
        at: datetime | None = None,
        source: str = BY,
        **more: Any,
    ) -> LedgerEntry | None:
        """Add a row and return it, None if its key exists."""
        order = purchase.order
        at = at or self._clock()
        entry = LedgerEntry(
            0,
            kind,
            purchase.purchase_id,
            order.gateway,
            amount,
            at,
            source=source,
            is_test=order.is_test,
            **more,
        )
        row = {**_ENTRIES.write(entry, but=("entry_id",)), "key": storable_text(key)}
        return self._find(key) if self.db.add_new(LEDGER, row) else None

    def _find(self, key: str) -> LedgerEntry | None:
        return _ENTRIES.find(
            self.db, LEDGER.select().where(LEDGER.key == storable_text(key))
        )

    def entry(self, entry_id: int) -> LedgerEntry:
        """Return a row. Raises NotFound."""
        missing = NotFound(f"no row {entry_id} in the ledger", "billing-no-payment")
        return _ENTRIES.read(
            self.db.get_row(LEDGER.select().where(LEDGER.id == entry_id), missing)
        )
