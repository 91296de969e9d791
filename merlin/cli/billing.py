"""`merlin billing report|orders|show|refund|export|reconcile|promo`: what was sold and goes back.

`reconcile` compares the ledger with what the gateways say and changes nothing; `promo` keeps the
codes that make a plan cheaper or give days of it.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.billing.promo_codes import MOST_DAYS, MOST_PERCENT
from merlin.billing.purchases import PurchaseState
from merlin.billing.refunds import RefundState
from merlin.billing.report import COLUMNS, Sum, lines, sums, written
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import (
    Since,
    Until,
    day_bounds,
    print_json,
    print_message,
    print_pairs,
    print_table,
    translate_word,
)
from merlin.core.errors import Refused
from merlin.core.i18n import text

if TYPE_CHECKING:
    from merlin.billing.ledger import Entry
    from merlin.billing.promo_codes import Listed, Promo
    from merlin.billing.refunds import Refund
    from merlin.wiring.reconciling import Reconciled
    from merlin.wiring.selling import Sales


_BOM = "\ufeff"


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Sales: sums, orders, refunds, codes.")
    for verb in (report, orders, show, refund, reconcile, export):
        group.command()(verb)
    _register_promo(group)
    app.add_typer(group, name="billing")


def report(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Show what came in and went back by month, till and plan; payments of a test shop apart."""
    from merlin.core.clock import zone_of
    from merlin.wiring.selling import watched

    settings = configuration(config)
    zone = zone_of(settings.timezone)
    first, last = day_bounds(settings, since, until)
    with watched(settings) as sales:
        found = sums(sales.books.ledger.between(first, last), zone)
    if json:
        print_json({"since": first, "until": last, "sums": [_sum(each) for each in found]})
        return
    names = ("month", "till", "plan", "payments", "paid", "refunds", "returned", "net", "test")
    print_table([f"billing-col-{name}" for name in names], [_sum_row(each) for each in found])


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


def _sum_row(each: Sum) -> list[object]:
    told, code = _sum(each), each.currency.value
    money = {name: f"{told[name]} {code}" for name in ("paid", "returned", "net")}
    till = translate_word("till", each.till.value)
    counts = [told["payments"], money["paid"], told["refunds"], money["returned"], money["net"]]
    return [
        each.month,
        till,
        each.plan,
        *counts,
        translate_word("billing", "test") if each.is_test else "",
    ]


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
        print_json({"orders": shown})
        return
    names = ("order", "created", "user", "plan", "till", "amount", "state")
    print_table([f"billing-col-{name}" for name in names], [_order(each) for each in shown])


def _order(told: dict[str, Any]) -> list[object]:
    amount = f"{told['amount']} {told['currency']}"
    till, state = translate_word("till", told["till"]), translate_word("purchase", told["state"])
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
    from merlin.core.clock import zone_of
    from merlin.wiring.selling import watched

    settings = configuration(config)
    shop = settings.selling.yookassa
    vat_code = shop.receipt.vat_code if shop and shop.receipt else None
    with watched(settings) as sales:
        rows = sales.books.ledger.between(*day_bounds(settings, since, until))
    told = [*lines(rows, zone_of(settings.timezone), vat_code)]
    page = io.StringIO()
    writer = csv.DictWriter(page, COLUMNS, delimiter=";" if excel else ",")
    writer.writeheader()
    writer.writerows(told)
    _write(csv_, (_BOM if excel else "") + page.getvalue())
    print_message("billing-exported", count=len(told))


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
        print_json(told)
        return
    _tell_order(told)


def _tell_order(told: dict[str, Any]) -> None:
    shown = {
        "order": told["order"],
        "user": told["user"],
        "plan": told["plan"],
        "till": translate_word("till", told["till"]),
        "amount": f"{told['amount']} {told['currency']}",
        "state": translate_word("purchase", told["state"]),
        "created": told["created_at"],
        "till-id": told["till_id"],
        "promo": told["promo"],
        "reason": told["reason"],
    }
    print_pairs({f"billing-col-{name}": value for name, value in shown.items()})
    _table("row kind amount at till-id by", [_entry(each) for each in told["ledger"]])
    if told["refunds"]:
        rows = [_refund(each) for each in told["refunds"]]
        _table("refund amount state at by reason trouble", rows)


def _table(names: str, rows: list[list[object]]) -> None:
    print_table([f"billing-col-{name}" for name in names.split()], rows)


def _entry(each: dict[str, Any]) -> list[object]:
    kind, amount = translate_word("entry", each["kind"]), f"{each['amount']} {each['currency']}"
    return [each["row"], kind, amount, each["at"], each["till_id"], each["by"]]


def _refund(each: dict[str, Any]) -> list[object]:
    state, amount = (
        translate_word("refund-state", each["state"]),
        f"{each['amount']} {each['currency']}",
    )
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
        print_message(
            "billing-refund-wanted", amount=made.amount.decimal, currency=made.amount.currency
        )
        now = made if no_wait else outcome(sales, made, WAIT_S)
    if json:
        print_json(refund_shown(now))
    if now.state is RefundState.REFUSED:
        raise Refused(now.trouble, "billing-refund-refused", trouble=now.trouble)
    is_done = now.state is RefundState.DONE
    print_message("billing-refund-sent" if is_done else "billing-refund-waits", order=order)


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


Code = Annotated[str, typer.Argument(metavar="CODE", help="The code, in any case.")]


def _register_promo(app: typer.Typer) -> None:
    """Add the group to `merlin billing`."""
    group = typer.Typer(no_args_is_help=True, help="Codes: a lower price, or days of a plan.")
    group.command("list")(list_codes)
    for verb in (add, stop):
        group.command()(verb)
    app.add_typer(group, name="promo")


def add(
    code: Code,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan of the configuration.")],
    days: Annotated[
        int, typer.Option(min=0, max=MOST_DAYS, help="Give so many days of it for nothing.")
    ] = 0,
    percent: Annotated[
        int, typer.Option(min=0, max=MOST_PERCENT, help="Take so much off its price.")
    ] = 0,
    uses: Annotated[int | None, typer.Option(min=1, help="For so many people at most.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Up to this day, left out.")
    ] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Make a code; each person may use it once."""
    from merlin.billing.promo_codes import Promo
    from merlin.billing.report import begins
    from merlin.core.clock import zone_of
    from merlin.wiring.selling import changed, plan_for_code
    from merlin.wiring.users import operator

    settings = configuration(config)
    ends = begins(until.date(), zone_of(settings.timezone)) if until else None
    with changed(settings) as sales:
        plan_for_code(sales, plan, is_price=percent > 0)
        promo = Promo(code, plan, days, percent, uses, ends, operator())
        sales.db.transact(lambda: sales.books.promos.add(promo))
        made = next(each for each in sales.books.promos.all() if each.promo.plan == plan)
    if json:
        print_json(_shown(made))
        return
    print_message("promo-did-add", code=made.promo.code, plan=plan)


def list_codes(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List codes, newest first, with how often each was used."""
    from merlin.wiring.selling import watched

    with watched(configuration(config)) as sales:
        codes = [_shown(each) for each in sales.books.promos.all()]
    if json:
        print_json({"promos": codes})
        return
    names = ("code", "plan", "gives", "uses", "until", "promo-state")
    print_table([f"billing-col-{name}" for name in names], [_code_row(each) for each in codes])


def stop(code: Code, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Let nobody use a code any more; what was given stays."""
    from merlin.wiring.selling import changed
    from merlin.wiring.users import operator

    with changed(configuration(config)) as sales:
        sales.db.transact(lambda: sales.books.promos.stop(code, operator()))
    if json:
        print_json({"code": code.strip().upper(), "stopped": True})
        return
    print_message("promo-did-stop", code=code.strip().upper())


def _shown(each: Listed) -> dict[str, Any]:
    promo: Promo = each.promo
    return {
        "code": promo.code,
        "plan": promo.plan,
        "days": promo.days,
        "percent": promo.percent,
        "most_uses": promo.most_uses,
        "uses": each.uses,
        "ends_at": promo.ends_at,
        "stopped": each.is_stopped,
        "by": promo.by,
        "at": each.at,
    }


def _code_row(told: dict[str, Any]) -> list[object]:
    gives = (
        f"−{told['percent']} %"
        if told["percent"]
        else f"{told['days']} {translate_word('billing', 'days')}"
    )
    most = "∞" if told["most_uses"] is None else told["most_uses"]
    state = translate_word("billing", "stopped") if told["stopped"] else ""
    return [told["code"], told["plan"], gives, f"{told['uses']} / {most}", told["ends_at"], state]


def reconcile(
    since: Since = None, until: Until = None, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Compare the ledger with YooKassa's list, and show what the bot found of Stars at night.

    Changes nothing; exits with 1 where anything differs.
    """
    from merlin.wiring.reconciling import reconcile as compared
    from merlin.wiring.selling import watched

    settings = configuration(config)
    first, last = day_bounds(settings, since, until)
    with watched(settings) as sales:
        came = compared(sales, first, last)
    if json:
        print_json({"since": first, "until": last, **_compared(came)})
    else:
        _tell_reconciled(came)
    if not came.is_clean:
        raise typer.Exit(1)


def _compared(came: Reconciled) -> dict[str, Any]:
    found = [
        {
            "difference": each.difference.value,
            "till_id": each.outside_id,
            "order": each.purchase_id,
            "ledger": each.ours.decimal if each.ours else None,
            "till": each.theirs.decimal if each.theirs else None,
        }
        for each in came.found
    ]
    return {
        "clean": came.is_clean,
        "yookassa": None if came.payments is None else {"payments": came.payments, "found": found},
        "stars": came.stars,
        "faults": list(came.wrong),
    }


def _tell_reconciled(came: Reconciled) -> None:
    rows: list[Sequence[object]] = [
        [
            translate_word("differs", each.difference.value),
            each.outside_id,
            each.purchase_id,
            each.ours and each.ours.decimal,
            each.theirs and each.theirs.decimal,
        ]
        for each in came.found
    ]
    rows += [
        [translate_word("differs-stars", str(each.get("kind"))), each.get("charge"), "", "", ""]
        for each in (came.stars or {}).get("differences", ())
    ]
    rows += [[translate_word("differs", "ledger"), "", "", fault, ""] for fault in came.wrong]
    if rows:
        names = ("differs", "till-id", "order", "ledger", "theirs")
        print_table([f"billing-col-{name}" for name in names], rows)
    if came.payments is None:
        print_message("billing-no-shop")
    else:
        print_message("billing-compared", payments=came.payments, found=len(came.found))
    if came.stars is None:
        print_message("billing-stars-never")
    else:
        at, count = str(came.stars.get("at", "")), len(came.stars.get("differences", ()))
        print_message("billing-stars-compared", at=at, found=count)
