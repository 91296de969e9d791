"""`merlin billing show|refund`: one order with all its rows, and its money on the way back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.billing.refund import RefundState
from merlin.cli import language
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, pairs, say, table, word
from merlin.core.errors import Refused
from merlin.core.text import text

if TYPE_CHECKING:
    from merlin.billing.ledger import Entry
    from merlin.billing.refund import Refund
    from merlin.wiring.selling import Sales

Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number.")]
WAIT_S = 30.0


def show(order: Order, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show one order: what it is, its rows in the ledger, its refunds."""
    from merlin.wiring.selling import entry_shown, order_shown, refund_shown, watched

    with watched(configuration(config)) as sales:
        told = order_shown(sales.books.purchases.get(order))
        told["ledger"] = [entry_shown(each) for each in sales.books.ledger.entries(order)]
        told["refunds"] = [refund_shown(each) for each in sales.books.refunds.of(order)]
    if json:
        as_json(told)
        return
    _tell(told)


def _tell(told: dict[str, Any]) -> None:
    shown = {
        "order": told["order"],
        "user": told["user"],
        "plan": told["plan"],
        "till": word("till", told["till"]),
        "amount": f"{told['amount']} {told['currency']}",
        "state": word("purchase", told["state"]),
        "created": told["created_at"],
        "till-id": told["till_id"],
        "promo": told["promo"],
        "reason": told["reason"],
    }
    pairs({f"billing-col-{name}": value for name, value in shown.items()})
    _table("row kind amount at till-id by", [_entry(each) for each in told["ledger"]])
    if told["refunds"]:
        rows = [_refund(each) for each in told["refunds"]]
        _table("refund amount state at by reason trouble", rows)


def _table(names: str, rows: list[list[object]]) -> None:
    table([f"billing-col-{name}" for name in names.split()], rows)


def _entry(each: dict[str, Any]) -> list[object]:
    kind, amount = word("entry", each["kind"]), f"{each['amount']} {each['currency']}"
    return [each["row"], kind, amount, each["at"], each["till_id"], each["by"]]


def _refund(each: dict[str, Any]) -> list[object]:
    state, amount = word("refund-state", each["state"]), f"{each['amount']} {each['currency']}"
    rest = [each[name] for name in ("at", "by", "reason", "trouble")]
    return [each["refund"][:8], amount, state, *rest]


def refund(
    order: Order,
    reason: Annotated[str, typer.Option(help="Why; it stays in the records.")],
    amount: Annotated[
        str | None, typer.Option(help="A part of it. Default all that is left.")
    ] = None,
    grant: Annotated[
        int | None, typer.Option(help="Which, of an order that was paid several times.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only write the wish down.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Send money back, and take back what it bought; the api or the bot carries it out."""
    from merlin.wiring.selling import changed, outcome, refund_shown

    if not reason.strip():
        raise Refused("no reason", "billing-refund-reason")
    with changed(configuration(config)) as sales:
        made = _wanted(sales, (order, grant), amount, reason, is_sure=yes)
        say("billing-refund-wanted", amount=made.amount.decimal, currency=made.amount.currency)
        now = made if no_wait else outcome(sales, made, WAIT_S)
    if json:
        as_json(refund_shown(now))
    if now.state is RefundState.REFUSED:
        raise Refused(now.trouble, "billing-refund-refused", trouble=now.trouble)
    is_done = now.state is RefundState.DONE
    say("billing-refund-sent" if is_done else "billing-refund-waits", order=order)


def _wanted(
    sales: Sales, which: tuple[str, int | None], said: str | None, reason: str, *, is_sure: bool
) -> Refund:
    from merlin.wiring.selling import amount_of, grant_of
    from merlin.wiring.users import operator

    grant = grant_of(sales, *which)
    amount = None if said is None else amount_of(said, grant.amount.currency)
    if not is_sure:
        _ask(sales, grant, said)
    return sales.db.transact(
        lambda: sales.books.refunds.want(grant.entry_id, amount, reason, operator())
    )


def _ask(sales: Sales, grant: Entry, said: str | None) -> None:
    """Ask whether that is meant. Raises Refused for no, and where nobody can be asked."""
    purchase = sales.books.purchases.get(grant.purchase_id)
    amount = said or sales.books.ledger.rest(grant.entry_id).decimal
    told = {"amount": amount, "currency": grant.amount.currency.value, "user": purchase.user_id}
    asked = text(language(), "billing-refund-sure", plan=purchase.order.promise.plan, **told)
    if not sys.stdin.isatty() or not typer.confirm(asked, err=True):
        raise Refused("not confirmed", "billing-refund-not-sure")
