"""`merlin baseline record`: keep what models answer before they are shut down."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from merlin.app import baseline as act
from merlin.app.distil import CallPlan, CallReport, find_teacher
from merlin.cli import language
from merlin.cli.distil import ask, confirm
from merlin.cli.edit_session import edit_session
from merlin.cli.options import (
    DEFAULT,
    LARGEST_BUDGET,
    AsJson,
    ConfigPath,
    Yes,
    configuration,
)
from merlin.cli.output import print_json, print_message
from merlin.config.section import convert_to_micro
from merlin.core.errors import Refused
from merlin.core.money import format_price
from merlin.db.processes import Lead

app = typer.Typer(
    name="baseline",
    no_args_is_help=True,
    help="Answers of models that will be shut down.",
)


@app.command()
def record(
    models: Annotated[
        list[str], typer.Argument(metavar="PROVIDER/MODEL", help="The models to ask.")
    ],
    *,
    dataset: Annotated[
        str, typer.Option("--dataset", help="The dataset whose questions to ask.")
    ],
    budget: Annotated[
        float, typer.Option(min=0, max=LARGEST_BUDGET, help="Maximum cost of this run.")
    ],
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Ask models the test questions, people's (with consent) and trained ones; keep the answers."""
    settings = configuration(config)
    results = []
    left = convert_to_micro(budget) or 0
    # Two runs at once would each ask the same and spend the whole budget.
    with (
        edit_session(settings) as session,
        Lead(settings.state_dir, settings.database, "baseline"),
    ):
        ctx = session.ctx
        named = [find_teacher(ctx, name) for name in dict.fromkeys(models)]
        if len({model.price.currency for model in named}) > 1:
            raise Refused("prices in several currencies", "baseline-currencies")
        for model in named:
            plan = act.make_plan(ctx, session.actor, dataset, model)
            confirm(plan, left, yes=yes)
            report = CallReport()
            try:
                ask(ctx, plan, plan.sampling, partial(act.run, ctx, plan, left, report))
            finally:
                results.append(_show(plan, report))
            left -= report.spent_micro
    if json:
        print_json(results)


def _show(plan: CallPlan, report: CallReport) -> dict[str, object]:
    """Print how many answers were recorded, and their cost; return them for JSON."""
    name = plan.teacher.name
    currency = plan.teacher.price.currency
    counts = {
        "answered": report.answered,
        "known": plan.answered,
        "left": len(plan.queries) - report.answered,
    }
    price = format_price(language(), report.spent_micro, currency)
    print_message("baseline-done", model=name, price=price, **counts)
    return {
        "model": name,
        **counts,
        "spent_micro": report.spent_micro,
        "currency": currency,
    }
