"""`merlin billing refund`."""

from functools import partial
from typing import Annotated

import typer

from merlin.app import payments
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.billing.refunds import parse_refund
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    configuration,
    require_yes,
)
from merlin.cli.output import (
    print_json,
    print_message,
    record,
)
from merlin.core.errors import Refused
from merlin.wiring.context import open_migrated_database

app = typer.Typer(name="billing", no_args_is_help=True, help="Refunds.")


@app.command()
def refund(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Number of the order.")],
    reason: Annotated[str, typer.Option(help="Reason, stored in the records.")],
    amount: Annotated[str, typer.Option(help="Amount to refund. Default: all that remains.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Refund an order and take back what it bought; the api or the bot sends the money."""
    settings = configuration(config)
    with open_migrated_database(settings) as database:
        ctx, actor = Context(config=settings, db=database), Actor.operator()
        details = payments.show_payment(ctx, actor, order)
        if not details.remaining_amounts:
            raise Refused("not paid", "billing-not-paid")
        if len(details.remaining_amounts) > 1:
            raise Refused("paid several times", "billing-which-grant", order=order)
        ((grant, remaining),) = details.remaining_amounts.items()
        asked, bought = parse_refund(amount, remaining, language()), details.purchase.order
        sums = {"amount": asked.decimal, "currency": asked.currency.value, "order": order}
        sure = {"user": bought.user_id, "plan": bought.promise.plan, **sums}
        require_yes("billing-refund-sure", "billing-refund-not-sure", is_confirmed=yes, **sure)
        request = partial(payments.request_refund, ctx, actor, order, grant, asked, reason)
        requested = ctx.db.transact(request)
    if json:
        ids = {"refund_id": "refund", "purchase_id": "order", "grant_id": "grant"}
        names = {**ids, "outside_id": "gateway_id", "trouble": "gateway_reason"}
        print_json(record(requested, **names, gateway="", payment_id="", user_id=""))
    else:
        print_message("billing-refund-started", **sums)
