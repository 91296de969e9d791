"""`merlin eval`: the test results of a model, compared with another model's by question.

`merlin prompt-check`: whether tuning is better than a good prompt.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from merlin.app import models
from merlin.app.evaluation import (
    describe_comparison,
    evaluate,
    list_answers_to_grade,
    store_grading,
)
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AnswerTokens,
    AsJson,
    Base,
    Budget,
    ConfigPath,
    DatasetName,
    Limit,
    ModelName,
    Yes,
    configuration,
    read_context,
    write_context,
)
from merlin.cli.output import print_json, print_list, print_message, record
from merlin.cli.paid_questions import ask_all, print_variants
from merlin.core.i18n import format_number, render_stored_text, text
from merlin.core.messages import SamplingParams
from merlin.dataset.spec import Recipe
from merlin.training.evaluation import AnswerChange, ProofReport
from merlin.training.grading import Grading, grading_queries, read_grading
from merlin.training.prompt_check import (
    PromptReport,
    build_variants,
    choose_base,
    compare_variants,
    read_subject,
)
from merlin.wiring.context import open_reading_context

app = typer.Typer()


@app.command("eval")
def evaluate_model(  # noqa: PLR0913 - each is an option of the command
    model: ModelName,
    against: Annotated[
        str, typer.Option(help="Compare with this model. Default: the previous live one.")
    ] = "",
    *,
    judge: Annotated[
        str, typer.Option(help="Model (PROVIDER/MODEL) that grades answers in other words.")
    ] = "",
    rubric: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Text file with the judge's criteria."),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Number of votes per answer; odd.")] = 3,
    budget: Budget = None,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show how a model answered its test questions, and what got better or worse."""
    grading = None
    if judge:
        settings = configuration(config)
        with read_context(config) as (ctx, actor):
            answers = list_answers_to_grade(ctx, actor, model, against)
        base = choose_base(settings, Recipe("", ""), judge)
        rubric_text = rubric.read_text("utf-8", "replace") if rubric else ""
        votes = repeats + 1 - repeats % 2
        queries = grading_queries(
            base, settings.price(*base), answers, rubric_text, votes, language()
        )
        (replies,) = ask_all(settings, [queries], budget=budget, yes=yes)
        grading = read_grading(queries, replies, [answer for answer, _ in answers])
        with write_context(config) as (ctx, actor):
            store_grading(ctx, actor, model, grading)
    with read_context(config) as (ctx, actor):
        report = evaluate(ctx, actor, model, against, grading)
        judged = models.find(ctx, actor, model)
        gate = models.read_gate(ctx, judged)
    comparison = report.comparison
    advice = describe_comparison(comparison, language()) if comparison else ""
    if json:
        graded = record(grading, kinds="") if grading else None
        hold = {"held": judged.held, "reason": judged.reason, "arguments": judged.arguments}
        values = {"advice": advice, "grading": graded, "gate": {**record(gate), **hold}}
        print_json({**record(report), **values})
        return
    _print_report(report, grading, advice)
    if gate.is_untested:
        print_message("eval-few-tests", **record(gate))
    if judged.display_state == "held":
        reason = render_stored_text(language(), judged.reason, judged.arguments)
        print_message("eval-held", reason=reason, model=judged.title, lost=len(judged.lost))


def _print_report(report: ProofReport, grading: Grading | None, advice: str) -> None:
    scores, comparison = [report.scores], report.comparison
    if comparison and comparison.now.questions:
        is_part = comparison.now != report.scores
        scores += [*([comparison.now] if is_part else []), comparison.before]
    scores += [report.base] if report.base else []
    print_list(
        [record(score) for score in scores],
        "model questions right wrong refused exact chrf",
        json=False,
        prefix="eval-col",
        chrf=lambda score: format_number(language(), score["chrf"], 1),
    )
    _print_tags(report)
    if lost := report.list_answers(AnswerChange.LOST):
        sys.stdout.write(f"\n{text(language(), 'eval-lost', count=len(lost))}\n")
        columns = "kind=kind:eval-kind example question expected now"
        print_list([record(answer) for answer in lost], columns, json=False, prefix="eval-col")
    print_message("eval-legend")
    if grading:
        print_message("judge-graded", **record(grading, grades="", kinds=""))
    if report.is_full:
        sys.stdout.write(f"{text(language(), 'eval-full', questions=report.scores.questions)}\n")
    sys.stdout.write(f"{advice or text(language(), 'eval-nothing-before')}\n")


def _print_tags(report: ProofReport) -> None:
    if not report.tags:
        return
    columns = "tag questions right wrong refused"
    if report.comparison and report.comparison.now.questions:
        columns += " before"
    sys.stdout.write("\n")
    print_list(
        [record(tag) for tag in report.tags],
        columns,
        json=False,
        prefix="eval-col",
        before=lambda tag: f"{tag['right_before']}/{tag['common']}",
    )


_DEFAULT_EXAMPLES = 3


@app.command("prompt-check")
def prompt_check(  # noqa: PLR0913 - each is an option of the command
    dataset: DatasetName,
    *,
    base: Base = "",
    examples: Annotated[
        int, typer.Option(min=1, help="Number of similar examples in a prompt.")
    ] = _DEFAULT_EXAMPLES,
    limit: Limit = None,
    answer_tokens: AnswerTokens = None,
    budget: Budget = None,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Compare the base model with a good prompt and the trained model on the test questions."""
    settings = configuration(config)
    with open_reading_context(settings, dataset) as ctx:
        subject = read_subject(ctx.db, dataset)
    model = choose_base(settings, subject.recipe, base)
    if not base and model[1] != subject.recipe.base_model:
        arguments = {"base": subject.recipe.base_model, "provider": model[0], "model": model[1]}
        print_message("prompt-other-base", **arguments)
    variants = build_variants(subject, settings, model, examples, limit)
    sampling = SamplingParams(most_tokens=answer_tokens)
    replies = ask_all(settings, variants, sampling, budget=budget, yes=yes)
    report = compare_variants(subject, variants, replies)
    advice = _choose_advice(report)
    if json:
        print_json({**record(report), "examples": examples, "advice": advice})
        return
    records = [record(variant) for variant in report.variants]
    columns = "variant=variant:prompt-variant model chrf right tokens=input_tokens cost seconds"
    right = lambda variant: f"{variant['right']}/{report.questions}"  # noqa: E731
    print_variants(report, records, columns, "prompt-legend", right=right)
    sys.stdout.write(f"{advice}\n")


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
