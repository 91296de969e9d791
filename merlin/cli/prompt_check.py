"""`merlin prompt-check`: whether tuning pays, or a good prompt does as well."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AnswerTokens,
    AsJson,
    Base,
    Budget,
    ConfigPath,
    Limit,
    Yes,
    configuration,
)
from merlin.cli.output import print_json, print_message, print_table, record
from merlin.cli.paid_questions import ask_all
from merlin.core.i18n import format_number, text
from merlin.core.messages import SamplingParams
from merlin.core.money import format_cost
from merlin.training.prompt_check import (
    PromptReport,
    VariantReport,
    base_to_ask,
    read_subject,
    report_of,
    variants_of,
)
from merlin.wiring.context import reading_context

_SHOWN = 3
_COLUMNS = ("variant", "model", "chrf", "right", "tokens", "cost", "seconds")

app = typer.Typer()


@app.command("prompt-check")
def prompt_check(  # noqa: PLR0913 - each is an option of the command
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    *,
    base: Base = "",
    examples: Annotated[
        int, typer.Option(min=1, help="How many of the nearest examples a prompt shows.")
    ] = _SHOWN,
    limit: Limit = None,
    answer_tokens: AnswerTokens = None,
    budget: Budget = None,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Compare the base with a good prompt and the tuned model on the test questions."""
    settings = configuration(config)
    with reading_context(settings, dataset) as ctx:
        subject = read_subject(ctx.db, dataset)
    asked = base_to_ask(settings, subject.recipe, base)
    if not base and asked[1] != subject.recipe.base_model:
        told = {"base": subject.recipe.base_model, "provider": asked[0], "model": asked[1]}
        print_message("prompt-other-base", **told)
    variants = variants_of(subject, settings, asked, examples, limit)
    wishes = SamplingParams(most_tokens=answer_tokens)
    replies = ask_all(settings, variants, wishes, budget=budget, yes=yes)
    report = report_of(subject, variants, replies)
    advice = _advice(report)
    if json:
        print_json({**record(report), "examples": examples, "advice": advice})
        return
    rows = [_row(each, report.questions) for each in report.variants]
    print_table([f"prompt-col-{name}" for name in _COLUMNS], rows)
    print_message("prompt-legend", build=report.build, questions=report.questions)
    if report.left_out:
        print_message("prompt-left-out", count=report.left_out)
    sys.stdout.write(f"{advice}\n")


def _row(report: VariantReport, questions: int) -> list[object]:
    cost, spoken = report.cost_micro, language()
    return [
        text(spoken, f"prompt-variant-{report.variant}"),
        report.model,
        format_number(spoken, report.chrf, 1),
        f"{report.right}/{questions}",
        report.input_tokens,
        "?" if cost is None else format_cost(spoken, cost, report.currency),
        format_number(spoken, report.seconds, 2),
    ]


def _advice(report: PromptReport) -> str:
    """Return in plain words whether tuning pays."""
    points = format_number(language(), abs(report.ahead or 0.0), 1)
    prompts = [each for each in report.variants if each.variant != "tuned"]
    best = max(prompts, key=lambda each: each.chrf)
    return text(
        language(),
        f"prompt-verdict-{report.verdict}",
        points=points,
        right=best.right,
        questions=report.questions,
    )
