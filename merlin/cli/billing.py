"""`merlin billing`: what was sold, what goes back, and whether the tills say the same."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from merlin.billing.purchase import PurchaseState
from merlin.billing.report import COLUMNS, Sum, lines, sums, written
from merlin.cli import promos
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, table, word
from merlin.cli.period import Since, Until, ends_of
from merlin.cli.reconcile import reconcile
from merlin.cli.refunds import refund, show

_BOM = "\ufeff"


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Sales: sums, orders, refunds, codes.")
    for verb in (report, orders, show, refund, reconcile, export):
        group.command()(verb)
    promos.register(group)
    app.add_typer(group, name="billing")


def report(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Show what came in and went back by month, till and plan; payments of a test shop apart."""
    from merlin.account.zone import zone_of
    from merlin.wiring.selling import watched

    settings = configuration(config)
    zone = zone_of(settings.timezone)
    first, last = ends_of(settings, since, until)
    with watched(settings) as sales:
        found = sums(sales.books.ledger.between(first, last), zone)
    if json:
        as_json({"since": first, "until": last, "sums": [_sum(each) for each in found]})
        return
    names = ("month", "till", "plan", "payments", "paid", "refunds", "returned", "net", "test")
    table([f"billing-col-{name}" for name in names], [_row(each) for each in found])


def _sum(each: Sum) -> dict[str, Any]:
    return {
        "month": each.month,
        "till": each.till.value,
        "plan": each.plan,
        "currency": each.currency.value,
        "test": each.is_test,
        "payments": each.brought.payments,
        "paid": written(each.brought.paid, each.currency),
        "refunds": each.brought.refunds,
        "returned": written(each.brought.returned, each.currency),
        "net": written(each.brought.net, each.currency),
    }


def _row(each: Sum) -> list[object]:
    told, code = _sum(each), each.currency.value
    money = {name: f"{told[name]} {code}" for name in ("paid", "returned", "net")}
    till = word("till", each.till.value)
    counts = [told["payments"], money["paid"], told["refunds"], money["returned"], money["net"]]
    return [each.month, till, each.plan, *counts, word("billing", "test") if each.is_test else ""]


def orders(
    user: Annotated[int | None, typer.Option(min=1, help="Only this person's.")] = None,
    state: Annotated[PurchaseState | None, typer.Option(help="Only in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show at most so many.")] = 50,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """List orders, newest first."""
    from merlin.wiring.selling import order_shown, watched

    with watched(configuration(config)) as sales:
        rows, named = sales.books.purchases, state.value if state else ""
        found = rows.newest(limit, "", named) if user is None else rows.of(user, limit)
    if user is not None and state is not None:
        found = [each for each in found if each.state is state]
    shown = [order_shown(each) for each in found]
    if json:
        as_json({"orders": shown})
        return
    names = ("order", "created", "user", "plan", "till", "amount", "state")
    table([f"billing-col-{name}" for name in names], [_order(each) for each in shown])


def _order(told: dict[str, Any]) -> list[object]:
    amount = f"{told['amount']} {told['currency']}"
    till, state = word("till", told["till"]), word("purchase", told["state"])
    return [told["order"], told["created_at"], told["user"], told["plan"], till, amount, state]


def export(
    csv_: Annotated[
        str, typer.Option("--csv", metavar="FILE", help="Where to; - is stdout.")
    ] = "-",
    since: Since = None,
    until: Until = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="As Excel opens it: a BOM, and semicolons.")
    ] = False,
    config: ConfigPath = DEFAULT,
) -> None:
    """Write every payment and refund as CSV for the accountant, oldest first, without people."""
    from merlin.account.zone import zone_of
    from merlin.wiring.selling import watched

    settings = configuration(config)
    shop = settings.selling.yookassa
    vat_code = shop.receipt.vat_code if shop and shop.receipt else None
    with watched(settings) as sales:
        rows = sales.books.ledger.between(*ends_of(settings, since, until))
    told = [*lines(rows, zone_of(settings.timezone), vat_code)]
    page = io.StringIO()
    writer = csv.DictWriter(page, COLUMNS, delimiter=";" if excel else ",")
    writer.writeheader()
    writer.writerows(told)
    _write(csv_, (_BOM if excel else "") + page.getvalue())
    say("billing-exported", count=len(told))


def _write(place: str, page: str) -> None:
    if place == "-":
        sys.stdout.buffer.write(page.encode())
        sys.stdout.buffer.flush()
        return
    from merlin.core.errors import ConfigError

    try:
        Path(place).write_text(page, encoding="utf-8", newline="")
    except OSError as error:
        words = f"{place}: {error.strerror}"
        raise ConfigError(words, "error-plain") from error
