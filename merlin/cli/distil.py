"""`merlin distil`: let a stronger model draft examples for editors, at a price shown first."""

import asyncio
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.app import distil as act
from merlin.app.context import Context
from merlin.app.distil import DistilPlan, DistilReport, Passage
from merlin.cli import language
from merlin.cli.edit_session import edit_session
from merlin.cli.import_export import read_file
from merlin.cli.options import (
    DEFAULT,
    LARGEST_BUDGET,
    AsJson,
    ConfigPath,
    DatasetName,
    Yes,
    configuration,
)
from merlin.cli.output import print_json, print_message, show_progress
from merlin.cli.paid_questions import confirm_price
from merlin.config import require_provider
from merlin.config.section import convert_to_micro
from merlin.core.errors import ConfigError, ProviderError
from merlin.core.money import Cost, format_cost, format_price
from merlin.db.processes import Lead
from merlin.providers.documents import ChildReader
from merlin.training.ask_many import estimate
from merlin.wiring.providers import model_client

app = typer.Typer()


@app.command()
def distil(  # noqa: PLR0913 - each is an option of the command
    dataset: DatasetName,
    file: Annotated[
        Path | None,
        typer.Argument(help="With --from questions: file with one question per line; - is stdin."),
    ] = None,
    *,
    origin: Annotated[
        Literal["materials", "questions", "examples"],
        typer.Option("--from", help="Source: texts of the course, questions, or examples to test."),
    ],
    teacher: Annotated[str, typer.Option(metavar="PROVIDER/MODEL", help="The model that drafts.")],
    budget: Annotated[
        float,
        typer.Option(
            min=0, max=LARGEST_BUDGET, help="Maximum total cost of all runs over the same texts."
        ),
    ],
    wordings: Annotated[
        int, typer.Option(min=1, max=10, help="Wordings per question, each as an example.")
    ] = act.WORDINGS,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Let a stronger model draft examples; each needs an editor's approval."""
    passages = _read_question_file(origin, file)
    settings = configuration(config)
    # Two runs at once would each ask the same and spend the whole budget.
    with edit_session(settings) as session, Lead(settings.state_dir, settings.database, "distil"):
        ctx = session.ctx
        teacher_model = act.find_teacher(ctx, teacher)
        if origin == "examples":
            passages = act.read_trained_questions(ctx, session.actor, dataset)
        plan = act.plan(ctx, session.actor, dataset, teacher_model, passages, wordings)
        limit = convert_to_micro(budget) or 0
        confirm(plan, limit, yes=yes)
        _draft(ctx, plan, limit, json=json)


def _draft(ctx: Context, plan: DistilPlan, limit: int, *, json: bool) -> None:
    """Ask the teacher, and print what was drafted, also when that is interrupted."""
    provider = require_provider(ctx.config, plan.teacher.provider)
    report = DistilReport()
    with (
        closing(model_client(provider, act.SAMPLING_PARAMS)) as service,
        show_progress("asking-progress", len(plan.queries)) as advance,
    ):
        try:
            outcome = act.run(ctx, plan, service, limit, report, advance)
        except (ProviderError, KeyboardInterrupt):
            show(plan, report, json=json)
            raise
    if outcome.failed:
        print_message("distil-failed", count=len(outcome.failed), reason=str(outcome.first_failure))
    if outcome.is_over_budget:
        print_message("distil-over-budget")
    show(plan, report, json=json)


def _read_question_file(origin: str, file: Path | None) -> list[Passage] | None:
    """Return the questions of the file, or None for materials. Raises ConfigError, Refused."""
    if (origin == "questions") != (file is not None):
        raise ConfigError("questions need a file, materials none", "distil-file")
    if file is None:
        return None
    name = "stdin" if str(file) == "-" else file.name
    questions, is_cut = asyncio.run(ChildReader().read(read_file(file), name))
    if is_cut:
        print_message("media-cut")
    return act.read_questions(questions, name)


def confirm(plan: DistilPlan, limit: int, *, yes: bool) -> None:
    """Print the remaining calls and their price, and ask for confirmation. Raises Refused."""
    price, currency = plan.teacher.price, plan.teacher.price.currency
    maximum, lang = estimate(price, plan.queries), language()
    remaining = max(limit - plan.spent_micro, 0)
    costs = {"spent": plan.spent_micro, "rest": remaining}
    arguments = {name: format_cost(lang, micro, currency) for name, micro in costs.items()}
    arguments["most"] = format_price(lang, maximum, currency)
    print_message("distil-plan", calls=len(plan.queries), done=plan.answered, **arguments)
    payable = Cost(min(maximum, remaining), currency)
    confirm_price(len(plan.queries), [payable], budget=None, yes=yes)


def show(plan: DistilPlan, report: DistilReport, *, json: bool) -> None:
    """Print how many questions were answered and proposed, and how many remain."""
    currency, remaining = plan.teacher.price.currency, len(plan.queries) - report.answered
    counts = {"answered": report.answered, "left": remaining, "proposed": report.proposed}
    if json:
        values = {"dataset": plan.dataset, "teacher": plan.teacher.model_id, **counts}
        spent = {"spent_micro": report.spent_micro, "currency": currency}
        print_json({**values, **spent, "rejected": dict(report.rejected)})
        return
    cost = format_price(language(), report.spent_micro, currency)
    print_message("distil-done", price=cost, dataset=plan.dataset, **counts)
    for reason, count in sorted(report.rejected.items()):
        print_message(f"distil-rejected-{reason}", count=count)
    sys.stdout.flush()
