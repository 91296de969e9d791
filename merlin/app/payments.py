"""What admins do with payments: list and show them, send money back, sums, promo codes.

Whoever may not gets NotFound, as for what is not there.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from merlin.app.actor import Actor
from merlin.app.orders import OrderDetails
from merlin.billing.ledger import Entry
from merlin.billing.orders import Billing, sold_plan
from merlin.billing.plan import Plan, plan_named
from merlin.billing.promo_codes import Promo, StoredPromo, normal_code
from merlin.billing.purchases import Purchase
from merlin.billing.refunds import Refund
from merlin.billing.report import Sum, sums
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount
from merlin.core.permissions import Permission

# One person's orders, which are not many.
MOST_OF_ONE = 200


def list_payments(
    billing: Billing,
    actor: Actor,
    limit: int,
    before: str = "",
    state: str = "",
    user_id: int | None = None,
) -> list[Purchase]:
    """Return orders, newest first: those after `before`, of a state, of a person.

    Raises NotFound for an unknown `before`.
    """
    _require(actor)
    if user_id is None:
        return billing.purchases.newest(limit, before, state)
    mine = [
        each
        for each in billing.purchases.of(user_id, max(limit, MOST_OF_ONE))
        if not state or each.state.value == state
    ]
    places = [place for place, each in enumerate(mine) if each.purchase_id == before]
    first = places[0] + 1 if places else 0
    return mine[first : first + limit]


def show_payment(billing: Billing, actor: Actor, purchase_id: str) -> OrderDetails:
    """Return one order with all that became of it. Raises NotFound."""
    _require(actor)
    purchase = billing.purchases.get(purchase_id)
    entries = billing.ledger.entries(purchase_id)
    return OrderDetails(purchase, entries, billing.refunds.of(purchase_id))


def grant_to_refund(
    details: OrderDetails, grant_id: int | None = None, *, is_newest: bool = False
) -> int:
    """Return the grant whose money is to go back: the one that is named, or has money left.

    Of several with money left `is_newest` takes the newest. Raises NotFound for an unknown one,
    Refused where nothing was paid, or several have money left and none is named.
    """
    if not details.rests:
        raise Refused("nothing was paid", "pay-nothing-paid")
    if grant_id is not None:
        if grant_id not in details.rests:
            raise NotFound(f"no grant {grant_id}", "billing-no-payment")
        return grant_id
    left = [number for number, rest in details.rests.items() if rest.minor]
    if len(left) > 1 and not is_newest:
        told = ", ".join(str(each) for each in left)
        raise Refused("several payments", "billing-which-grant", grants=told)
    return (left or [*details.rests])[-1]


def request_refund(
    billing: Billing,
    actor: Actor,
    details: OrderDetails,
    grant_id: int,
    amount: Amount | None,
    reason: str,
    once: str = "",
) -> Refund:
    """Write down that money is to go back, None: all that is left; its gateway sends it.

    What was granted for it ends with it. Raises NotFound for a grant of another order, Refused as
    `Refunds.want`. What is asked for again under the same `once` is the same refund.
    """
    _require(actor)
    if grant_id not in details.rests:
        raise NotFound(f"no grant {grant_id}", "billing-no-payment")
    return billing.refunds.want(grant_id, amount, reason, actor.name, once)


def list_entries(
    billing: Billing, actor: Actor, since: datetime, until: datetime
) -> list[tuple[Entry, Purchase]]:
    """Return the ledger's rows of a time with their purchases, oldest first."""
    _require(actor)
    return billing.ledger.between(since, until)


def list_sums(
    billing: Billing, actor: Actor, since: datetime, until: datetime, zone: tzinfo
) -> list[Sum]:
    """Return what each plan brought by each gateway in each month of `zone`, the oldest first."""
    return sums(list_entries(billing, actor, since, until), zone)


def list_codes(billing: Billing, actor: Actor) -> list[StoredPromo]:
    """Return every promo code, newest first."""
    _require(actor)
    return billing.promos.all()


def plans_for_codes(billing: Billing) -> list[Plan]:
    """Return the plans that a code can be for; everybody's is not among them."""
    return [each for each in billing.plans[1:] if not each.is_pack or each.is_sold]


def add_code(billing: Billing, actor: Actor, promo: Promo) -> StoredPromo:
    """Store a promo code: days of a plan that is no pack, or a lower price of what is sold.

    Raises NotFound for a plan that no such code can be of, Refused for a code that is there, is
    none, or gives what no code can.
    """
    _require(actor)
    plan = plan_named(billing.plans, promo.plan)
    if promo.percent:
        sold_plan(billing, promo.plan)
    elif plan is None or plan.is_pack:
        raise NotFound(f"no plan {promo.plan}", "quota-no-plan", plan=promo.plan)
    billing.promos.add(promo)
    code = normal_code(promo.code)
    return next(each for each in billing.promos.all() if each.code == code)


def stop_code(billing: Billing, actor: Actor, code: str) -> None:
    """Let nobody use a promo code any more; what it gave stays. Raises NotFound."""
    _require(actor)
    billing.promos.stop(code, actor.name)


def _require(actor: Actor) -> None:
    if not actor.may(Permission.REFUNDS):
        raise NotFound("not for this actor", "billing-no-purchase")
