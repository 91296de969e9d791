"""Payments as admins see them: list and show orders, request refunds, revenue.

Without the permission every function raises NotFound, as for something missing.
"""

from collections.abc import Sequence
from datetime import datetime

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.orders import OrderDetails, details_of
from merlin.billing.ledger import Entry, Ledger
from merlin.billing.purchases import Promise, Purchase, Purchases
from merlin.billing.refunds import Refund, Refunds, check_reason
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.core.permissions import Permission


def list_payments(
    ctx: Context,
    actor: Actor,
    limit: int,
    before: str = "",
    states: Sequence[str] = (),
    whose: str = "",
) -> list[Purchase]:
    """Return orders, newest first: those after `before`, in states, of a user or order number.

    Raises NotFound for an unknown `before`.
    """
    _require_permission(actor)
    return Purchases(ctx.db, ctx.clock).list_newest(limit, before, states, whose)


def show_payment(ctx: Context, actor: Actor, purchase_id: str) -> OrderDetails:
    """Return an order by its id or number, with its entries and refunds.

    Raises NotFound; Refused for a number that several orders have.
    """
    _require_permission(actor)
    return details_of(ctx, Purchases(ctx.db, ctx.clock).find(purchase_id))


def grant_to_refund(details: OrderDetails, grant_id: int | None = None) -> int:
    """Return the id of the grant to refund: `grant_id`, or the one with money left.

    Raises NotFound for an unknown id; Refused if nothing was paid, or several grants have money
    left and none is selected.
    """
    amounts = details.remaining_amounts
    if not amounts:
        raise Refused("nothing was paid", "billing-not-paid")
    if grant_id is not None:
        if grant_id not in amounts:
            raise NotFound(f"no grant {grant_id}", "billing-no-payment")
        return grant_id
    open_grants = [entry_id for entry_id, amount in amounts.items() if amount.minor]
    if len(open_grants) > 1:
        names = ", ".join(str(grant) for grant in open_grants)
        raise Refused("several payments", "billing-which-grant", grants=names)
    return (open_grants or [*amounts])[-1]


def request_refund(
    ctx: Context,
    actor: Actor,
    purchase_id: str,
    grant_id: int | None,
    minor: int | None,
    reason: str,
    once: str = "",
) -> Refund:
    """Store a refund of `minor` kopecks or Stars; None: all that is left of a grant.

    The gateway sends the money, and the granted plan ends. `once` makes the call idempotent. Raises
    NotFound, and Refused as `check_reason`, `grant_to_refund` and `Refunds.request`.
    """
    check_reason(reason)
    details = show_payment(ctx, actor, purchase_id)
    grant = grant_to_refund(details, grant_id)
    amount = None if minor is None else Amount(minor, details.remaining_amounts[grant].currency)

    return Refunds(ctx.db, ctx.clock).request(grant, amount, reason, actor.name, once)


def list_entries(
    ctx: Context, actor: Actor, since: datetime, until: datetime
) -> list[tuple[Entry, Promise]]:
    """Return the ledger entries of a period with what was bought, oldest first."""
    _require_permission(actor)
    return Ledger(ctx.db, ctx.clock).list_period(since, until)


def _require_permission(actor: Actor) -> None:
    if not actor.may(Permission.REFUNDS):
        raise NotFound("not for this actor", "billing-no-purchase")
