"""`merlin prompt-check`: whether tuning is better than a good prompt."""

import sys
from collections.abc import Mapping
from typing import Any

import typer

from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    Base,
    ConfigPath,
    DatasetName,
    Limit,
    Yes,
    configuration,
)
from merlin.cli.output import Column, print_json, print_list, print_message, record
from merlin.cli.paid_questions import ask_all
from merlin.core.i18n import format_number, text
from merlin.core.messages import SamplingParams
from merlin.core.money import format_price
from merlin.training.prompt_check import (
    SHOWN,
    PromptReport,
    compare_variants,
    prepare_check,
)
from merlin.wiring.context import open_reading_context

app = typer.Typer()


@app.command("prompt-check")
def prompt_check(
    dataset: DatasetName,
    *,
    base: Base = "",
    limit: Limit = None,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Compare the base model with a good prompt and the trained model on the test questions."""
    settings = configuration(config)
    with open_reading_context(settings, dataset) as ctx:
        check = prepare_check(ctx.db, settings, dataset, base, limit)
    first = check.variants[0]
    if not base and first.model_id != check.base:
        print_message(
            "prompt-other-base",
            base=check.base,
            provider=first.provider,
            model=first.model_id,
        )
    sampling = SamplingParams(most_tokens=check.most_tokens)
    asked = [variant for variant in check.variants if not variant.answers]
    known = [variant.answers for variant in check.variants if variant.answers]
    answers = [*ask_all(settings, asked, sampling, yes=yes), *known]
    report = compare_variants(check, answers)
    advice = _choose_advice(report)
    if json:
        print_json({**record(report), "examples": SHOWN, "advice": advice})
        return
    records = [record(variant) for variant in report.variants]
    columns: list[str | Column] = [
        *(Column("variant", family="prompt-variant"), "model"),
        Column(
            "chrf", cell=lambda variant: format_number(language(), variant["chrf"], 1)
        ),
        Column("right", cell=lambda variant: f"{variant['right']}/{report.questions}"),
        Column("tokens", "input_tokens"),
        Column("cost", cell=_format_cost),
    ]
    print_list(records, columns, prefix="prompt-col")
    print_message("prompt-legend", build=report.build, questions=report.questions)
    if report.left_out:
        print_message("prompt-left-out", count=report.left_out)
    sys.stdout.write(f"{advice}\n")


def _format_cost(variant: Mapping[str, Any]) -> str:
    micro = variant["cost_micro"]
    return (
        "?" if micro is None else format_price(language(), micro, variant["currency"])
    )


def _choose_advice(report: PromptReport) -> str:
    """Return a sentence that says whether tuning is worth it."""
    points = format_number(language(), abs(report.ahead or 0.0), 1)
    prompts = [variant for variant in report.variants if variant.variant != "tuned"]
    best = max(prompts, key=lambda variant: variant.chrf)
    return text(
        language(),
        f"prompt-verdict-{report.verdict}",
        points=points,
        right=best.right,
        questions=report.questions,
    )
