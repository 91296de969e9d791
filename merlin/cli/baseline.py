"""`merlin baseline record`: keep what models answer before they are shut down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Annotated

import typer

from merlin.app import baseline as act
from merlin.app.context import Context
from merlin.app.distil import CallReport, find_teacher
from merlin.cli import language
from merlin.cli.edit_session import edit_session
from merlin.cli.options import (
    DEFAULT,
    LARGEST_BUDGET,
    AsJson,
    ConfigPath,
    Yes,
    configuration,
)
from merlin.cli.output import print_json, print_message, show_progress
from merlin.cli.paid_questions import confirm_price
from merlin.config import require_provider
from merlin.config.section import convert_to_micro
from merlin.core.errors import Refused
from merlin.core.money import Cost, format_price
from merlin.db.processes import Lead
from merlin.training.ask_many import estimate
from merlin.wiring.providers import model_client

app = typer.Typer(
    name="baseline", no_args_is_help=True, help="Answers of models that will be shut down."
)


@app.command()
def record(
    models: Annotated[
        list[str], typer.Argument(metavar="PROVIDER/MODEL", help="The models to ask.")
    ],
    *,
    dataset: Annotated[str, typer.Option("--dataset", help="The dataset whose questions to ask.")],
    budget: Annotated[
        float, typer.Option(min=0, max=LARGEST_BUDGET, help="Maximum cost of this run.")
    ],
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Ask models the test questions, people's (with consent) and trained ones; keep the answers."""
    settings = configuration(config)
    # Two runs at once would each ask the same and spend the whole budget.
    with edit_session(settings) as session, Lead(settings.state_dir, settings.database, "baseline"):
        ctx, left = session.ctx, convert_to_micro(budget) or 0
        named = [find_teacher(ctx, name) for name in dict.fromkeys(models)]
        if len({model.price.currency for model in named}) > 1:
            raise Refused("prices in several currencies", "baseline-currencies")
        plans = [act.plan(ctx, session.actor, dataset, model) for model in named]
        _confirm(plans, left, yes=yes)
        results = []
        with show_progress("asking-progress", sum(len(each.queries) for each in plans)) as advance:
            for planned in plans:
                report = CallReport()
                try:
                    _ask(ctx, planned, left, report, advance)
                finally:
                    results.append(_show(planned, report))
                left -= report.spent_micro
    if json:
        print_json(results)


def _confirm(plans: list[act.BaselinePlan], limit: int, *, yes: bool) -> None:
    """Print the number of questions and the most that they may cost, and ask. Raises Refused."""
    most = sum(estimate(each.model.price, each.queries.values()) for each in plans)
    cost = Cost(min(most, limit), plans[0].model.price.currency)
    confirm_price(sum(len(each.queries) for each in plans), [cost], yes=yes)


def _ask(
    ctx: Context,
    planned: act.BaselinePlan,
    limit: int,
    report: CallReport,
    advance: Callable[[], None],
) -> None:
    provider = require_provider(ctx.config, planned.model.provider)
    with closing(model_client(provider, planned.sampling)) as service:
        outcome = act.record(ctx, planned, service, limit, report, advance)
    if outcome.failed:
        reason = str(outcome.first_failure)
        print_message("asking-failed", count=len(outcome.failed), reason=reason)
    if outcome.is_over_budget:
        print_message("distil-over-budget")


def _show(planned: act.BaselinePlan, report: CallReport) -> dict[str, object]:
    """Print how many answers were recorded, and their cost; return them for JSON."""
    name, currency = planned.model.name, planned.model.price.currency
    counts = {
        "answered": report.answered,
        "known": planned.answered,
        "left": len(planned.queries) - report.answered,
    }
    price = format_price(language(), report.spent_micro, currency)
    print_message("baseline-done", model=name, price=price, **counts)
    return {"model": name, **counts, "spent_micro": report.spent_micro, "currency": currency}
