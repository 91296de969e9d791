"""`merlin billing promo add|list|stop`: codes that make a plan cheaper or give days of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.billing.promo import MOST_DAYS, MOST_PERCENT
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, table, word

if TYPE_CHECKING:
    from merlin.billing.promo import Listed, Promo

Code = Annotated[str, typer.Argument(metavar="CODE", help="The code, in any case.")]


def register(app: typer.Typer) -> None:
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
    from merlin.account.zone import zone_of
    from merlin.billing.promo import Promo
    from merlin.billing.report import begins
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
        as_json(_shown(made))
        return
    say("promo-did-add", code=made.promo.code, plan=plan)


def list_codes(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List codes, newest first, with how often each was used."""
    from merlin.wiring.selling import watched

    with watched(configuration(config)) as sales:
        codes = [_shown(each) for each in sales.books.promos.all()]
    if json:
        as_json({"promos": codes})
        return
    names = ("code", "plan", "gives", "uses", "until", "promo-state")
    table([f"billing-col-{name}" for name in names], [_row(each) for each in codes])


def stop(code: Code, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Let nobody use a code any more; what was given stays."""
    from merlin.wiring.selling import changed
    from merlin.wiring.users import operator

    with changed(configuration(config)) as sales:
        sales.db.transact(lambda: sales.books.promos.stop(code, operator()))
    if json:
        as_json({"code": code.strip().upper(), "stopped": True})
        return
    say("promo-did-stop", code=code.strip().upper())


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


def _row(told: dict[str, Any]) -> list[object]:
    gives = (
        f"−{told['percent']} %" if told["percent"] else f"{told['days']} {word('billing', 'days')}"
    )
    most = "∞" if told["most_uses"] is None else told["most_uses"]
    state = word("billing", "stopped") if told["stopped"] else ""
    return [told["code"], told["plan"], gives, f"{told['uses']} / {most}", told["ends_at"], state]
