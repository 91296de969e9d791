"""`merlin billing check|export`: compare and export sales; orders and refunds are on the page."""

import asyncio
import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from merlin.app import payments
from merlin.app.billing_check import PaymentSums, check_billing
from merlin.billing.report import COLUMNS, export_rows
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    read_context,
)
from merlin.cli.output import (
    Since,
    Until,
    day_bounds,
    print_json,
    print_message,
    print_table,
)
from merlin.core.clock import zone_of
from merlin.wiring.context import yookassa_gateway

_BOM = "\ufeff"

app = typer.Typer(name="billing", no_args_is_help=True, help="Sales: a check, an export.")


@app.command()
def check(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Compare the ledger with YooKassa's payments and its own rules; exit 1 if anything differs."""
    with read_context(config) as (ctx, _):
        first, last = day_bounds(zone_of(ctx.config.timezone), since, until)
        shop = ctx.config.payments.yookassa
        gateway = None if shop is None else yookassa_gateway(shop)
        result = asyncio.run(check_billing(ctx, gateway, first, last))
    if json:
        print_json({"since": first, "until": last, **asdict(result)})
    else:
        rows: list[Sequence[object]] = [
            (each.payment, _show_sums(each.ledger), _show_sums(each.yookassa))
            for each in result.differences
        ]
        rows += [(fault, None, None) for fault in result.faults]
        if rows:
            names = ("gateway-id", "ledger", "theirs")
            print_table([f"billing-col-{name}" for name in names], rows)
        print_message("billing-checked", payments=result.payments, found=len(rows))
    if result.differences or result.faults:
        raise typer.Exit(1)


def _show_sums(sums: PaymentSums | None) -> str:
    return f"{sums.paid} − {sums.returned}" if sums else ""


@app.command()
def export(
    since: Since = None,
    until: Until = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write CSV for Excel: BOM and semicolons.")
    ] = False,
    config: ConfigPath = DEFAULT,
) -> None:
    """Write every payment and refund as CSV for the accountant, oldest first, without people."""
    with read_context(config) as (ctx, actor):
        zone, shop = zone_of(ctx.config.timezone), ctx.config.payments.yookassa
        entries = payments.list_entries(ctx, actor, *day_bounds(zone, since, until))
    vat_code = shop.receipt.vat_code if shop and shop.receipt else None
    rows = [*export_rows(entries, zone, vat_code)]
    output = io.StringIO()
    writer = csv.DictWriter(output, COLUMNS, delimiter=";" if excel else ",")
    writer.writeheader()
    writer.writerows(rows)
    sys.stdout.buffer.write(((_BOM if excel else "") + output.getvalue()).encode())
    sys.stdout.buffer.flush()
    print_message("billing-exported", count=len(rows))
