"""`merlin proposals …` and `unanswered`: the editor's queue."""

from typing import Annotated, Any

import typer

from merlin.app import changes, proposals
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.unanswered import GroupState, list_unanswered
from merlin.cli import language
from merlin.cli.edit_session import edit_session, print_edit
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    DatasetName,
    NoWait,
    configuration,
    read_context,
    write_context,
)
from merlin.cli.output import print_json, print_list, print_message, record
from merlin.core import money
from merlin.core.errors import ConfigError, NotFound
from merlin.core.formatted_text import shorten_text
from merlin.dataset.changes import MAX_BATCH_SIZE
from merlin.dataset.corrections import Replacement
from merlin.dataset.proposals import Proposal

Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Numbers of the proposals.")
]
All = Annotated[bool, typer.Option("--all", help="All pending ones.")]
_QUESTION_LENGTH, _ANSWER_LENGTH = 60, 100

app = typer.Typer()
proposals_app = typer.Typer(
    name="proposals", no_args_is_help=True, help="Proposed examples that need an editor's approval."
)
app.add_typer(proposals_app)


@proposals_app.command("list")
def list_proposals(
    dataset: DatasetName, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """List pending entries, oldest first."""
    with read_context(config, dataset) as (ctx, actor):
        waiting = proposals.list_waiting(ctx, actor, 0, MAX_BATCH_SIZE, dataset)
        replaced = proposals.find_replacements(ctx, actor, waiting)
    # Full texts for programs, shortened ones in the table.
    records = [_record(proposal, replaced[proposal.proposal_id]) for proposal in waiting]
    if not json:
        for item in records:
            asked = (*item["before"], item["question"])
            item["question"] = " / ".join(shorten_text(words, _QUESTION_LENGTH) for words in asked)
            item["answer"] = shorten_text(str(item["answer"]), _ANSWER_LENGTH)
            replaces = item["replaces"]
            item["replaces"] = "; ".join(
                f"{name}: {shorten_text(answer, _QUESTION_LENGTH)}"
                for name, answer in replaces.items()
            )
            item["note"] = shorten_text(item["note"], _QUESTION_LENGTH)
    print_list(records, "proposal question answer replaces source passage=note cost", json=json)
    tests = sorted({test.id for replacement in replaced.values() for test in replacement.tests})
    if tests and not json:
        print_message("page-proposal-tests", count=len(tests), examples=", ".join(tests))


def _record(proposal: Proposal, replaced: Replacement) -> dict[str, Any]:
    draft = proposal.draft
    return {
        "proposal": proposal.proposal_id,
        "before": [message.content for message in draft.messages[:-2]],
        "question": draft.question,
        "answer": draft.answer,
        "replaces": {example.id: example.answer for example in replaced.examples},
        "tests": [example.id for example in replaced.tests],
        "source": draft.source,
        "note": draft.note,
        "split": draft.split,
        "cost": draft.currency and money.format_cost_plainly(draft.cost_micro, draft.currency),
        "at": proposal.at,
    }


@proposals_app.command("tests")
def propose_tests(dataset: DatasetName, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Propose test questions from liked answers, if the dataset has few."""
    with write_context(config, dataset, makes_key=True) as (ctx, actor):
        counts = proposals.count_test_questions(ctx, actor, dataset)
        liked = proposals.find_liked(ctx, actor, dataset, language())
        count = proposals.propose_liked(ctx, actor, dataset, liked)
    if json:
        print_json({**record(counts), "proposed": count})
        return
    print_message("proposals-tests", count=count, **record(counts))
    if counts.wanted > count:
        print_message("proposals-tests-more", dataset=dataset)


@proposals_app.command()
def approve(
    dataset: DatasetName,
    numbers: Numbers = None,
    *,
    is_all: All = False,
    config: ConfigPath = DEFAULT,
    no_wait: NoWait = False,
    json: AsJson = False,
) -> None:
    """Commit proposals as examples in your name; those with errors remain proposals."""
    with edit_session(configuration(config)) as session:
        ctx, actor = session.ctx, session.actor
        requested = _select_waiting(ctx, actor, dataset, numbers, is_all=is_all)
        if not requested:
            changes.read_files(ctx, actor, dataset)  # raises NotFound for a dataset that is none
            print_message("proposals-none", dataset=dataset)
            if json:
                print_json({"approved": [], "left": 0})
            return
        files, edits = proposals.read_several(ctx, actor, dataset, requested)
        good = proposals.check_several(ctx, files, edits)
        change_id = proposals.approve_several(ctx, actor, good, session.editor)
        result = session.finish(change_id, is_waiting=not no_wait)
    remaining = len(edits) - len(good)
    print_message("proposals-approved", count=len(good), left=remaining)
    print_edit({**result, "approved": good, "left": remaining}, json=json)


def _select_waiting(
    ctx: Context, actor: Actor, dataset: str, numbers: list[int] | None, *, is_all: bool
) -> list[int]:
    """Return which of the waiting proposals a command names.

    Raises NotFound if none of the numbers waits, and ConfigError unless it names either numbers or
    all.
    """
    if is_all == bool(numbers):
        raise ConfigError("numbers, or --all", "proposals-which")
    waiting = proposals.list_waiting(ctx, actor, 0, MAX_BATCH_SIZE, dataset)
    selected = [
        proposal.proposal_id
        for proposal in waiting
        if is_all or proposal.proposal_id in (numbers or ())
    ]
    if numbers and not selected:
        named = ", ".join(map(str, numbers))
        raise NotFound("none waits", "proposals-unknown", numbers=named, dataset=dataset)
    return selected


@proposals_app.command()
def decline(
    dataset: DatasetName,
    numbers: Numbers = None,
    *,
    is_all: All = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Decline proposals; their texts are deleted."""
    with write_context(config, dataset, makes_key=True) as (ctx, actor):
        requested = _select_waiting(ctx, actor, dataset, numbers, is_all=is_all)
        count = proposals.decline_several(ctx, actor, requested)
    print_message("proposals-declined", count=count)
    if json:
        print_json({"declined": count})


@app.command()
def unanswered(
    dataset: DatasetName,
    show: Annotated[
        GroupState, typer.Option(help="Only questions in this state.")
    ] = GroupState.WAITING,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Show last week's questions without a good answer, newest first."""
    with read_context(config, dataset) as (ctx, actor):
        view = list_unanswered(ctx, actor, dataset, language())
    records = [record(item) for item in view.list_in_state(show)]
    if json:
        print_json({"questions": records, "older": view.older, "hidden": view.hidden})
        return
    for item in records:
        item["question"] = shorten_text(str(item["question"]), _QUESTION_LENGTH)
    print_list(records, "question times refused disliked reported", json=False)
    for key, count in (("older", view.older), ("hidden", view.hidden)):
        if count:
            print_message(f"page-unanswered-{key}", count=count)
