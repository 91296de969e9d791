"""`merlin proposals …` and `unanswered`: what waits for an editor."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from merlin.app import proposals, test_questions
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.proposals import Proposal
from merlin.app.unanswered import GroupState, list_unanswered
from merlin.cli import language
from merlin.cli.examples import identity, open_editing, outcome, show
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, NoWait, changing, reading
from merlin.cli.output import print_json, print_list, print_message, record
from merlin.core import money
from merlin.core.errors import ConfigError
from merlin.dataset.changes import MAX_BATCH_SIZE
from merlin.dataset.commit_message import local_editor
from merlin.dataset.corrections import Replacement
from merlin.dataset.finding import shorten

Name = Annotated[str, typer.Argument(help="The dataset.")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Which of them.")]
All = Annotated[bool, typer.Option("--all", help="All that wait.")]
_QUESTION, _ANSWER = 60, 100


app = typer.Typer()
proposals_app = typer.Typer(
    name="proposals", no_args_is_help=True, help="Proposed examples that wait for an editor."
)
app.add_typer(proposals_app)


@proposals_app.command("list")
def list_proposals(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List what waits, oldest first."""
    with reading(config, dataset) as (ctx, actor):
        found = proposals.waiting(ctx, actor, 0, MAX_BATCH_SIZE, dataset)
        replaced = proposals.find_replacements(ctx, actor, found)
    # Whole for programs, short in a table.
    records = [_record(each, replaced[each.proposal_id]) for each in found]
    if not json:
        for each in records:
            each["question"] = shorten(str(each["question"]), _QUESTION)
            each["answer"] = shorten(str(each["answer"]), _ANSWER)
            old = each["replaces"]
            each["replaces"] = "; ".join(
                f"{name}: {shorten(was, _QUESTION)}" for name, was in old.items()
            )
    print_list(records, "proposal question answer replaces source", json=json)
    tests = sorted({test.id for one in replaced.values() for test in one.tests})
    if tests and not json:
        print_message("page-proposal-tests", count=len(tests), examples=", ".join(tests))


def _record(each: Proposal, replaced: Replacement) -> dict[str, Any]:
    draft = each.draft
    return {
        "proposal": each.proposal_id,
        "question": draft.question,
        "answer": draft.answer,
        "replaces": {old.id: old.answer for old in replaced.examples},
        "tests": [old.id for old in replaced.tests],
        "source": draft.source,
        "note": draft.note,
        "split": draft.split,
        "cost": money.format_cost_plainly(draft.cost_micro, draft.currency).strip(),
        "at": each.at,
    }


@proposals_app.command("tests")
def propose_tests(dataset: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Propose test questions from liked answers, where the dataset has few."""
    with changing(config, makes_key=True) as (ctx, actor):
        part = test_questions.count_test_questions(ctx, actor, dataset)
        liked = test_questions.find_liked(ctx, actor, dataset, language())
        count = test_questions.propose_liked(ctx, actor, dataset, liked)
    if json:
        print_json({**record(part), "proposed": count})
        return
    print_message("proposals-tests", count=count, questions=part.questions, least=part.least)
    if part.missing > count:
        print_message("proposals-tests-more", dataset=dataset)


@proposals_app.command()
def approve(
    dataset: Name,
    numbers: Numbers = None,
    *,
    is_all: All = False,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Turn proposals into examples by one commit in your name; those with errors stay."""
    with open_editing(config) as session:
        ctx, actor = session.ctx, session.actor
        requested = _chosen(ctx, actor, dataset, numbers, is_all=is_all)
        files, edits = proposals.read_several(ctx, actor, dataset, requested)
        good = proposals.check_several(ctx, files, edits)
        editor = local_editor(getpass.getuser(), *identity())
        change_id = proposals.approve_several(ctx, actor, good, editor)
        result = outcome(session, change_id, is_waiting=not no_wait)
    left = len(edits) - len(good)
    print_message("proposals-approved", count=len(good), left=left)
    show({**result, "approved": good, "left": left}, json=json)


def _chosen(
    ctx: Context, actor: Actor, dataset: str, numbers: list[int] | None, *, is_all: bool
) -> list[int]:
    """Return what waits of the numbers that a command names.

    Raises ConfigError unless it names either some or all, NotFound.
    """
    if is_all == bool(numbers):
        raise ConfigError("numbers, or --all", "proposals-which")
    found = proposals.waiting(ctx, actor, 0, MAX_BATCH_SIZE, dataset)
    return [each.proposal_id for each in found if is_all or each.proposal_id in (numbers or ())]


@proposals_app.command()
def decline(
    dataset: Name,
    numbers: Numbers = None,
    *,
    is_all: All = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Decline proposals; their texts are deleted."""
    with changing(config, makes_key=True) as (ctx, actor):
        requested = _chosen(ctx, actor, dataset, numbers, is_all=is_all)
        count = proposals.decline_several(ctx, actor, requested)
    print_message("proposals-declined", count=count)
    if json:
        print_json({"declined": count})


_QUESTION = 60


@app.command()
def unanswered(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    show: Annotated[GroupState, typer.Option(help="Which of them.")] = GroupState.WAITING,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show last week's questions that got no good answer, newest first."""
    with reading(config, dataset) as (ctx, actor):
        view = list_unanswered(ctx, actor, dataset, language())
    found = [record(each) for each in view.of(show)]
    if json:
        print_json({"questions": found, "hidden": view.hidden})
        return
    for each in found:
        each["question"] = shorten(str(each["question"]), _QUESTION)
    print_list(found, "question times refused disliked told", json=False)
    if view.hidden:
        print_message("page-unanswered-hidden", count=view.hidden)
