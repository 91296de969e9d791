"""`merlin billing check`: the ledger compared with YooKassa; orders and refunds are on the page."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

import typer

from merlin.app.billing_check import PaymentSums, check_billing
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, read_context
from merlin.cli.output import (
    Since,
    Until,
    day_bounds,
    print_json,
    print_message,
    print_table,
)
from merlin.core.clock import zone_of
from merlin.core.errors import Refused
from merlin.wiring.context import yookassa_gateway

app = typer.Typer(
    name="billing", no_args_is_help=True, help="Sales: the ledger compared with YooKassa."
)


@app.command()
def check(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Compare the ledger with YooKassa's payments; exit 1 if anything differs."""
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
    if result.differences:
        raise typer.Exit(1)


def _show_sums(sums: PaymentSums | None) -> str:
    return f"{sums.paid} − {sums.returned}" if sums else ""
