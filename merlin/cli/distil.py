"""`merlin distil`: let a stronger model draft examples for editors, at a price shown first."""

import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from merlin.app import distil as act
from merlin.app.context import Context
from merlin.app.distil import CallPlan, DistilPlan, DistilReport, SourceText
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
from merlin.core.errors import ConfigError
from merlin.core.messages import SamplingParams
from merlin.core.money import Cost, format_cost, format_price
from merlin.db.processes import Lead
from merlin.providers.base import ModelClient
from merlin.training.ask_many import AskReport, estimate
from merlin.wiring.providers import model_client

app = typer.Typer()


@app.command()
def distil(  # noqa: PLR0913 - each is an option of the command
    dataset: DatasetName,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="With --from questions: file with one question per line; - is stdin."
        ),
    ] = None,
    *,
    origin: Annotated[
        Literal["materials", "questions", "examples", "wordings"],
        typer.Option(
            "--from",
            help="Source: texts of the course, questions, examples to test, "
            "or answers found by one wording only.",
        ),
    ],
    teacher: Annotated[
        str, typer.Option(metavar="PROVIDER/MODEL", help="The model that drafts.")
    ],
    budget: Annotated[
        float,
        typer.Option(min=0, max=LARGEST_BUDGET, help="Maximum cost of this run."),
    ],
    wordings: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10,
            help="Wordings per question, each as an example: "
            f"{act.WORDINGS}, with --from wordings {act.OF_SINGLE}.",
        ),
    ] = None,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Let a stronger model draft examples; each needs an editor's approval."""
    passages = _read_question_file(origin, file)
    settings = configuration(config)
    # Two runs at once would each ask the same and spend the whole budget.
    with (
        edit_session(settings) as session,
        Lead(settings.state_dir, settings.database, "distil"),
    ):
        ctx = session.ctx
        teacher_model = act.find_teacher(ctx, teacher)
        if origin == "examples":
            passages = act.read_trained_questions(ctx, session.actor, dataset)
        if origin == "wordings":
            passages = act.read_single_questions(ctx, session.actor, dataset)
        number = wordings or (act.OF_SINGLE if origin == "wordings" else act.WORDINGS)
        plan = act.plan(ctx, session.actor, dataset, teacher_model, passages, number)
        limit = convert_to_micro(budget) or 0
        confirm(plan, limit, yes=yes)
        _draft(ctx, plan, limit, json=json)


def _draft(ctx: Context, plan: DistilPlan, limit: int, *, json: bool) -> None:
    """Ask the teacher, and print what was drafted, also when that is interrupted."""
    report = DistilReport()
    try:
        ask(ctx, plan, act.SAMPLING_PARAMS, partial(act.run, ctx, plan, limit, report))
    finally:
        show(plan, report, json=json)


def ask(
    ctx: Context,
    plan: CallPlan,
    sampling: SamplingParams,
    run: Callable[[ModelClient, Callable[[], None]], AskReport],
) -> None:
    """Make the calls of a plan by `run`, and print the failures. Raises ProviderError."""
    provider = require_provider(ctx.config, plan.teacher.provider)
    with (
        closing(model_client(provider, sampling)) as service,
        show_progress("asking-progress", len(plan.queries)) as advance,
    ):
        outcome = run(service, advance)
    if outcome.failed:
        print_message(
            "distil-failed",
            count=len(outcome.failed),
            reason=str(outcome.first_failure),
        )
    if outcome.is_over_budget:
        print_message("distil-over-budget")


def _read_question_file(origin: str, file: Path | None) -> list[SourceText] | None:
    """Return the questions of the file, or None for materials. Raises ConfigError, Refused."""
    if (origin == "questions") != (file is not None):
        raise ConfigError("questions need a file, materials none", "distil-file")
    if file is None:
        return None
    try:
        text = read_file(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: {error}", "example-unreadable", path=str(file), reason=str(error)
        ) from error
    return act.read_questions(text, "stdin" if str(file) == "-" else file.name)


def confirm(plan: CallPlan, limit: int, *, yes: bool) -> None:
    """Print the remaining calls and their price, and ask for confirmation. Raises Refused."""
    price = plan.teacher.price
    lang = language()
    maximum = estimate(price, plan.queries.values())
    most = format_price(lang, maximum, price.currency)
    rest = format_cost(lang, limit, price.currency)
    print_message(
        "distil-plan", calls=len(plan.queries), done=plan.answered, most=most, rest=rest
    )
    payable = Cost(min(maximum, limit), price.currency)
    confirm_price(len(plan.queries), [payable], yes=yes)


def show(plan: DistilPlan, report: DistilReport, *, json: bool) -> None:
    """Print how many questions were answered and proposed, and how many remain."""
    currency = plan.teacher.price.currency
    remaining = len(plan.queries) - report.answered
    counts = {
        "answered": report.answered,
        "left": remaining,
        "proposed": report.proposed,
    }
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
