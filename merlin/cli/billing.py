"""`merlin billing refund|check`: refunds, and the ledger compared with YooKassa."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from merlin.app import payments
from merlin.app.actor import Actor
from merlin.app.billing_check import PaymentSums, check_billing
from merlin.app.context import Context
from merlin.billing.refunds import parse_refund
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    configuration,
    read_context,
    require_yes,
)
from merlin.cli.output import (
    Since,
    Until,
    day_bounds,
    print_json,
    print_message,
    print_table,
    record,
)
from merlin.core.clock import zone_of
from merlin.core.errors import Refused
from merlin.wiring.context import open_migrated_database, yookassa_gateway

app = typer.Typer(
    name="billing", no_args_is_help=True, help="Sales: refunds, and a check."
)


@app.command()
def refund(
    number: Annotated[
        str, typer.Argument(metavar="ORDER", help="Number of the order, or its ID.")
    ],
    reason: Annotated[str, typer.Option(help="Reason, stored in the records.")],
    amount: Annotated[
        str, typer.Option(help="Amount to refund. Default: all that remains.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Refund an order and take back what it bought; the api or the bot sends the money."""
    settings = configuration(config)
    with open_migrated_database(settings) as database:
        ctx = Context(config=settings, db=database)
        actor = Actor.operator()
        details = payments.show_payment(ctx, actor, number)
        order = details.purchase.purchase_id
        if not details.remaining_amounts:
            raise Refused("not paid", "billing-not-paid")
        if len(details.remaining_amounts) > 1:
            raise Refused("paid several times", "billing-which-grant", order=order)
        ((grant, remaining),) = details.remaining_amounts.items()
        asked = parse_refund(amount, remaining, language())
        bought = details.purchase.order
        sums = {"amount": asked.format(language()), "order": order}
        sure = {"user": bought.user_id, "plan": bought.promise.plan, **sums}
        require_yes(
            "billing-refund-sure", "billing-refund-not-sure", is_confirmed=yes, **sure
        )
        request = partial(
            payments.request_refund, ctx, actor, order, grant, asked, reason
        )
        requested = ctx.db.transact(request)
    if json:
        ids = {"refund_id": "refund", "purchase_id": "order", "grant_id": "grant"}
        names = {**ids, "outside_id": "gateway_id", "trouble": "gateway_reason"}
        print_json(record(requested, **names, gateway="", payment_id="", user_id=""))
    else:
        print_message("billing-refund-started", **sums)


@app.command()
def check(
    since: Since = None,
    until: Until = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Compare the ledger with YooKassa's payments; exit 1 if anything differs.

    Auto-renewals in Stars are counted by their state.
    """
    with read_context(config) as (ctx, _):
        first, last = day_bounds(zone_of(ctx.config.timezone), since, until)
        shop = ctx.config.payments.yookassa
        if shop is None:
            raise Refused("no shop", "pay-no-shop")
        result = asyncio.run(check_billing(ctx, yookassa_gateway(shop), first, last))
    if json:
        print_json({"since": first, "until": last, **asdict(result)})
    else:
        rows: list[Sequence[object]] = [
            (each.payment, _show_sums(each.ledger), _show_sums(each.yookassa))
            for each in result.differences
        ]
        if rows:
            names = ("gateway-id", "ledger", "theirs")
            print_table([f"billing-col-{name}" for name in names], rows)
        print_message("billing-checked", payments=result.payments, found=len(rows))
        if any(result.renewals.values()):
            print_message("billing-renewals", **result.renewals)
    if result.differences:
        raise typer.Exit(1)


def _show_sums(sums: PaymentSums | None) -> str:
    return f"{sums.paid} − {sums.returned}" if sums else ""
