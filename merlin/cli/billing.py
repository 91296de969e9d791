"""`merlin billing report|orders|show|refund|check|export`: sales and refunds."""

import asyncio
import csv
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from merlin.app import payments
from merlin.app.actor import Actor
from merlin.app.billing_check import PaymentSums, check_billing
from merlin.app.context import Context
from merlin.app.payments import show_payment
from merlin.billing.purchases import Purchase, PurchaseState
from merlin.billing.refunds import UNDER_WAY, Refund, Refunds, RefundState
from merlin.billing.report import COLUMNS, Sum, export_rows, format_signed_decimal
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
    print_list,
    print_message,
    print_pairs,
    print_table,
    record,
    translate_word,
    write_atomically,
)
from merlin.core.clock import zone_of
from merlin.core.errors import ConfigError, Refused
from merlin.core.money import Amount, Currency, parse_amount
from merlin.wiring.context import open_migrated_database, yookassa_gateway

_BOM = "\ufeff"

app = typer.Typer(name="billing", no_args_is_help=True, help="Sales: totals, orders, refunds.")


@app.command()
def report(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Show income and refunds by month, payment method and plan; test payments separately."""
    with read_context(config) as (ctx, actor):
        zone = zone_of(ctx.config.timezone)
        first, last = day_bounds(zone, since, until)
        sums = payments.list_sums(ctx, actor, first, last, zone)
    if json:
        print_json({"since": first, "until": last, "sums": [_sum_record(row) for row in sums]})
        return
    print_list(
        [_sum_record(row) for row in sums],
        "month gateway=gateway:gateway plan payments paid refunds returned net test",
        json=False,
        prefix="billing-col",
        paid=lambda row: f"{row['paid']} {row['currency']}",
        returned=lambda row: f"{row['returned']} {row['currency']}",
        net=lambda row: f"{row['net']} {row['currency']}",
        test=lambda row: translate_word("billing", "test") if row["test"] else "",
    )


def _sum_record(row: Sum) -> dict[str, Any]:
    sums = {"paid": row.paid, "returned": row.returned, "net": row.net}
    amounts = {name: format_signed_decimal(minor, row.currency) for name, minor in sums.items()}
    return record(row, is_test="test") | amounts


@app.command()
def orders(
    user: Annotated[int | None, typer.Option(min=1, help="Only entries of this person.")] = None,
    state: Annotated[PurchaseState | None, typer.Option(help="Only entries in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of entries.")] = 50,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """List orders, newest first."""
    states = [state.value] if state else []
    with read_context(config) as (ctx, actor):
        purchases = payments.list_payments(ctx, actor, limit, "", states, str(user or ""))
    columns = (
        "order=number created=created_at user plan gateway=gateway:gateway amount "
        "state=state:purchase"
    )
    _print_payments(
        [_order_json(purchase) for purchase in purchases], columns, json=json, under="orders"
    )


Order = Annotated[str, typer.Argument(metavar="ORDER", help="Number of the order.")]
WAIT_S, POLL_S = 30.0, 0.2


@app.command()
def show(order: Order, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show an order with its ledger entries and refunds."""
    with read_context(config) as (ctx, actor):
        details = show_payment(ctx, actor, order)
    document = _order_json(details.purchase)
    names = {"entry_id": "row", "refers": "rests_on", "purchase_id": "", "gateway": ""}
    document["ledger"] = [record(entry, **names, is_test="") for entry in details.entries]
    document["refunds"] = [_refund_json(refund) for refund in details.refunds]
    if json:
        print_json(document)
        return
    values = {
        "order": document["number"],
        "user": document["user"],
        "plan": document["plan"],
        "gateway": translate_word("gateway", document["gateway"]),
        "amount": f"{document['amount']} {document['currency']}",
        "state": translate_word("purchase", document["state"]),
        "created": document["created_at"],
        "gateway-id": document["gateway_id"],
        "reason": document["reason"],
    }
    print_pairs(values, "billing-col")
    _print_payments(
        document["ledger"], "row kind=kind:entry amount at gateway-id=gateway_id by=source"
    )
    if document["refunds"]:
        refunds = [{**refund, "refund": refund["refund"][:8]} for refund in document["refunds"]]
        _print_payments(
            refunds, "refund amount state=state:refund-state at by reason trouble=gateway_reason"
        )


def _print_payments(
    records: list[dict[str, Any]], columns: str, *, json: bool = False, under: str = ""
) -> None:
    """Print records of payments; the amount column includes the currency."""

    def amount(payment: dict[str, Any]) -> str:
        return f"{payment['amount']} {payment['currency']}"

    print_list(records, columns, json=json, under=under, prefix="billing-col", amount=amount)


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
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only queue the request.")] = False,
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
        print_message(
            "billing-refund-started",
            amount=requested.amount.decimal,
            currency=requested.amount.currency,
        )
        result = requested if no_wait else _wait_for_refund(ctx, requested)
    if json:
        print_json(_refund_json(result))
    if result.state is RefundState.REFUSED:
        raise Refused(result.trouble, "billing-refund-refused", trouble=result.trouble)
    is_done = result.state is RefundState.DONE
    print_message("billing-refund-sent" if is_done else "billing-refund-waits", order=order)


def _parse_amount(text: str, currency: Currency) -> Amount:
    """Parse an amount that the operator typed, in roubles or Stars. Raises ConfigError."""
    try:
        return parse_amount(text, currency)
    except ValueError:
        raise ConfigError(f"{text} is no amount", "billing-no-amount", said=text) from None


def _wait_for_refund(ctx: Context, refund: Refund) -> Refund:
    """Wait up to `WAIT_S` for a refund to finish, and return its current state."""
    deadline = time.monotonic() + WAIT_S
    while True:
        rows = Refunds(ctx.db, ctx.clock).list_of_purchase(refund.purchase_id)
        current = next(row for row in rows if row.refund_id == refund.refund_id)
        if current.state not in UNDER_WAY or time.monotonic() >= deadline:
            return current
        time.sleep(POLL_S)


def _order_json(purchase: Purchase) -> dict[str, Any]:
    order = purchase.order
    return {
        "order": purchase.purchase_id,
        "number": purchase.number,
        "user": order.user_id,
        "gateway": order.gateway.value,
        "plan": order.promise.plan,
        "amount": purchase.amount.decimal,
        "currency": order.amount.currency.value,
        "state": purchase.state.value,
        "test": order.is_test,
        "created_at": purchase.created_at,
        "expires_at": purchase.expires_at,
        "gateway_id": purchase.outside_id,
        "reason": purchase.reason,
    }


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
    csv_: Annotated[
        str, typer.Option("--csv", metavar="FILE", help="Output file; - is stdout.")
    ] = "-",
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
    content = ((_BOM if excel else "") + output.getvalue()).encode()
    if csv_ == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_atomically(Path(csv_), lambda target: target.write_bytes(content))
    print_message("billing-exported", count=len(rows))
