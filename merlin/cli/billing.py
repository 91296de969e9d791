"""`merlin billing refund|check|export`: sales and refunds; orders and totals are on the page."""

import asyncio
import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from merlin.app import payments
from merlin.app.actor import Actor
from merlin.app.billing_check import PaymentSums, check_billing
from merlin.app.context import Context
from merlin.billing.refunds import Refund
from merlin.billing.report import COLUMNS, export_rows
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
from merlin.core.errors import ConfigError
from merlin.core.money import Amount, Currency, parse_amount
from merlin.wiring.context import open_migrated_database, yookassa_gateway

_BOM = "\ufeff"

app = typer.Typer(name="billing", no_args_is_help=True, help="Sales: refunds, a check, an export.")


Order = Annotated[str, typer.Argument(metavar="ORDER", help="Number of the order.")]


@app.command()
def refund(
    order: Order,
    reason: Annotated[str, typer.Option(help="Reason, stored in the records.")],
    amount: Annotated[
        str | None, typer.Option(help="Amount to refund. Default: all that remains.")
    ] = None,
    grant: Annotated[
        int | None, typer.Option(help="Payment to refund, if the order was paid several times.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Refund an order and take back what it bought; the api or the bot does it."""
    settings = configuration(config)
    with open_migrated_database(settings) as database:
        ctx, actor = Context(config=settings, db=database), Actor.operator()
        details = payments.show_payment(ctx, actor, order)
        number = payments.grant_to_refund(details, grant)
        refundable = details.remaining_amounts[number]
        asked = refundable if amount is None else _parse_amount(amount, refundable.currency)
        purchased = details.purchase.order
        arguments = {"user": purchased.user_id, "plan": purchased.promise.plan}
        arguments |= {"amount": asked.decimal, "currency": asked.currency.value}
        require_yes("billing-refund-sure", "billing-refund-not-sure", is_confirmed=yes, **arguments)
        minor = None if amount is None else asked.minor
        request = partial(payments.request_refund, ctx, actor, order, number, minor, reason)
        requested = ctx.db.transact(request)
    if json:
        print_json(_refund_json(requested))
        return
    print_message(
        "billing-refund-started",
        amount=requested.amount.decimal,
        currency=requested.amount.currency,
        order=order,
    )


def _parse_amount(text: str, currency: Currency) -> Amount:
    """Parse an amount that the operator typed, in roubles or Stars. Raises ConfigError."""
    try:
        return parse_amount(text, currency)
    except ValueError:
        raise ConfigError(f"{text} is no amount", "billing-no-amount", said=text) from None


def _refund_json(refund: Refund) -> dict[str, Any]:
    ids = {"refund_id": "refund", "purchase_id": "order", "grant_id": "grant"}
    names = {**ids, "outside_id": "gateway_id", "trouble": "gateway_reason"}
    return record(refund, **names, gateway="", payment_id="", user_id="")


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
