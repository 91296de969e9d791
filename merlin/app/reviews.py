"""Editors decide about proposed examples, one or several at once.

Test questions are needed where a dataset has fewer than its gate asks for: an editor adds another
wording of an example's question. Models do not train on the test split.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from merlin.account.users import Users
from merlin.app import changes, examples
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.app.permissions import require_editing
from merlin.core.errors import Refused
from merlin.dataset.changes import MAX_BATCH_SIZE, Edit
from merlin.dataset.commit_message import Editor
from merlin.dataset.corrections import Corrected, is_other_question
from merlin.dataset.example import normalise
from merlin.dataset.example_file import parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.finding import Finding, Severity, escape_unprintable
from merlin.dataset.near_questions import are_nearly_equal
from merlin.dataset.proposals import (
    NOTHING,
    Draft,
    Proposal,
    Proposals,
    ProposalState,
    Replaced,
    example_yaml,
)
from merlin.dataset.split import TEST


def count_waiting(ctx: Context, actor: Actor, dataset: str = "") -> int:
    """Return how many proposals wait for the actor; as `list_waiting`."""
    names = _list_edited(ctx, actor, dataset)
    return Proposals(ctx.db, ctx.clock).count(names) if names else 0


def list_waiting(
    ctx: Context, actor: Actor, offset: int, limit: int, dataset: str = ""
) -> list[Proposal]:
    """Return the proposals that wait for the actor, oldest first; `dataset` "": all of them.

    Raises NotFound for a dataset that the actor may not edit.
    """
    names = _list_edited(ctx, actor, dataset)
    return Proposals(ctx.db, ctx.clock).list_waiting(offset, limit, names)


def _list_edited(ctx: Context, actor: Actor, dataset: str) -> list[str]:
    if not dataset:
        return [card.name for card in examples.list_datasets(ctx, actor)]
    require_editing(ctx, actor, dataset)
    return [dataset]


def get_waiting(ctx: Context, actor: Actor, proposal_id: int) -> Proposal:
    """Return a waiting proposal. Raises NotFound, Refused if it is decided already."""
    proposal = Proposals(ctx.db, ctx.clock).get(proposal_id)
    require_editing(ctx, actor, proposal.draft.dataset)
    if proposal.state is not ProposalState.WAITING:
        raise Refused("decided already", "examples-decided")
    return proposal


def find_corrected(
    ctx: Context, actor: Actor, proposals: Sequence[Proposal]
) -> dict[int, Corrected]:
    """Return by id the examples whose answer each proposal changes if approved. Raises NotFound."""
    for dataset in {proposal.draft.dataset for proposal in proposals}:
        require_editing(ctx, actor, dataset)
    rows = Proposals(ctx.db, ctx.clock)
    return {
        proposal.proposal_id: rows.corrected(proposal.draft) for proposal in proposals
    }


def find_other_questions(
    waiting: Sequence[Proposal], corrected: Mapping[int, Corrected]
) -> frozenset[int]:
    """Return the ids of corrections that should change the answer of their question only.

    Theirs is no paraphrase of the other questions. Slow, and reads no rows.
    """
    return frozenset(
        proposal.proposal_id
        for proposal in waiting
        if is_other_question(proposal.draft.question, corrected[proposal.proposal_id])
    )


def approve(
    ctx: Context,
    actor: Actor,
    proposal_id: int,
    text: str | None,
    editor: Editor,
    replaced: Replaced = NOTHING,
) -> None:
    """Request the commit of a proposal; `text` is its file as the editor wrote it.

    `replaced` as in `Proposals.plan_edits`. Raises NotFound, Refused.
    """
    get_waiting(ctx, actor, proposal_id)
    if text is None or parse_example(text) is None:
        raise Refused("broken", "change-has-errors")
    _approve(ctx, actor, {proposal_id: text}, editor, replaced)


def _approve(
    ctx: Context,
    actor: Actor,
    texts: Mapping[int, str],
    editor: Editor,
    replaced: Replaced,
) -> str:
    request = changes.change_request(ctx, actor, editor)
    change_id = Proposals(ctx.db, ctx.clock).approve(texts, request, replaced)
    if change_id is None:
        raise Refused("decided already", "examples-decided")
    return change_id


@dataclass(frozen=True, slots=True)
class Review:
    """How an editor accepts proposals.

    `replaced` as in `Proposals.plan_edits`. `written`: proposal -> the question and answer that it
    has instead of the proposed ones; `answers`: proposal -> an answer instead of those. `alike`:
    proposal -> the one whose answer it gets, and whose example it shares if both ask the same in
    normal form.
    """

    replaced: Replaced = field(default_factory=dict)
    written: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    answers: Replaced = field(default_factory=dict)
    alike: Mapping[int, int] = field(default_factory=dict)

    def draft_of(self, proposal: Proposal) -> Draft:
        """Return the draft of a proposal as the editor wrote it."""
        number = proposal.proposal_id
        draft = proposal.draft
        question, answer = self.written.get(number, (draft.question, draft.answer))
        return replace(
            draft, question=question, answer=self.answers.get(number, answer)
        )


AS_PROPOSED = Review()


def group_alike(waiting: Sequence[Proposal]) -> list[list[Proposal]]:
    """Return proposals in groups that propose the same, the oldest of a group first.

    Those have one answer, and equal or near questions after the same turn.
    """
    found: dict[tuple[str, ...], list[list[Proposal]]] = {}
    for each in waiting:
        draft = each.draft
        form = normalise(draft.question)
        texts = draft.answer, draft.before_question, draft.before_answer
        groups = found.setdefault(
            (draft.split, draft.origin, *map(normalise, texts)), []
        )
        like = (
            one
            for one in groups
            if are_nearly_equal(normalise(one[0].draft.question), form)
        )
        group = next(like, None)
        if group is None:
            groups.append([each])
        else:
            group.append(each)
    return sorted(chain(*found.values()), key=lambda group: group[0].proposal_id)


def start_editing(ctx: Context, actor: Actor, proposal_id: int) -> list[str]:
    """Record that the actor is changing a waiting proposal; return as `find_editors`.

    Raises NotFound, Refused if it is decided already.
    """
    waiting = get_waiting(ctx, actor, proposal_id)
    Proposals(ctx.db, ctx.clock).mark_editor(proposal_id, actor.user_id)
    return find_editors(ctx, actor, [waiting]).get(proposal_id, [])


def find_editors(
    ctx: Context, actor: Actor, waiting: Sequence[Proposal]
) -> dict[int, list[str]]:
    """Return by id the names of the others who are changing these proposals now."""
    found = Proposals(ctx.db, ctx.clock).list_editors(
        [each.proposal_id for each in waiting]
    )
    names = Users(ctx.db, ctx.clock).list_names({*chain(*found.values())})
    return {
        proposal_id: [
            next(filter(None, names.get(user_id, ())), str(user_id))
            for user_id in user_ids
            if user_id != actor.user_id
        ]
        for proposal_id, user_ids in found.items()
    }


def read_several(
    ctx: Context,
    actor: Actor,
    dataset: str,
    proposal_ids: Collection[int],
    review: Review = AS_PROPOSED,
) -> tuple[DatasetFiles, Mapping[int, Sequence[Edit]]]:
    """Return a dataset's files, and the edits of those proposals that still wait.

    Raises NotFound; Refused if none is selected, or none waits any more.
    """
    if not proposal_ids:
        raise Refused("none is named", "proposals-none-chosen")
    selected = [
        proposal
        for proposal in list_waiting(ctx, actor, 0, MAX_BATCH_SIZE, dataset)
        if proposal.proposal_id in proposal_ids
    ]
    if not selected:
        raise Refused("decided already", "examples-decided")
    edits = Proposals(ctx.db, ctx.clock).plan_edits(
        _write(selected, review), review.replaced
    )
    return changes.read_files(ctx, actor, dataset), edits


def check_several(
    ctx: Context, files: DatasetFiles, edits: Mapping[int, Sequence[Edit]]
) -> dict[int, list[Finding]]:
    """Return by id the errors of the examples that the proposals would make.

    Slow, and reads no rows.
    """
    preview = changes.check_edits(ctx, files, [*chain(*edits.values())])
    errors = [each for each in preview.findings if each.severity is Severity.ERROR]
    return {
        proposal_id: [each for each in errors if each.path in paths]
        for proposal_id, made in edits.items()
        for paths in [{escape_unprintable(edit.path) for edit in made}]
    }


def approve_several(
    ctx: Context,
    actor: Actor,
    proposal_ids: Collection[int],
    review: Review = AS_PROPOSED,
) -> str:
    """Request one commit of several proposals of a dataset; return its change id.

    Raises NotFound; Refused if one is decided already, or none is given.
    """
    if not proposal_ids:
        raise Refused("none can be an example", "change-has-errors")
    selected = [get_waiting(ctx, actor, proposal_id) for proposal_id in proposal_ids]
    texts = _write(selected, review)
    return _approve(ctx, actor, texts, changes.editor_of(ctx, actor), review.replaced)


def _write(selected: Sequence[Proposal], review: Review) -> dict[int, str]:
    """Return the files of the examples of proposals. Raises Refused without one they are like."""
    by_id = {proposal.proposal_id: proposal for proposal in selected}
    texts = dict[int, str]()
    for proposal_id, proposal in by_id.items():
        first = by_id.get(review.alike.get(proposal_id, proposal_id))
        if first is None:
            raise Refused("decided already", "examples-decided")
        draft = review.draft_of(first)
        if normalise(first.draft.question) != normalise(proposal.draft.question):
            draft = replace(proposal.draft, answer=draft.answer)
        texts[proposal_id] = example_yaml(draft)
    return texts


def decline(
    ctx: Context,
    actor: Actor,
    proposal_ids: Collection[int],
    reasons: Mapping[int, str] = NOTHING,
) -> int:
    """Decline those that still wait, and delete their texts; return how many.

    `reasons`: proposal -> what its author is told, as in `Proposals.decline`. Raises NotFound.
    """
    rows = Proposals(ctx.db, ctx.clock)
    for proposal_id in proposal_ids:
        require_editing(ctx, actor, rows.get(proposal_id).draft.dataset)
    return sum(rows.decline(each, reasons.get(each, "")) for each in proposal_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPart:
    """The number of test questions of the newest build, needed by its gate, and waiting.

    `disguised` are taught questions that the test asks too. All are 0 before the first build.
    """

    questions: int = 0
    least: int = 0
    waiting: int = 0
    disguised: int = 0

    @property
    def missing(self) -> int:
        """Return how many are missing if all waiting ones are approved."""
        return max(self.least - self.questions - self.waiting, 0)

    @property
    def has_gate(self) -> bool:
        """Return whether a model is compared, once all waiting ones are approved."""
        return self.missing <= self.disguised


def count_test_questions(ctx: Context, actor: Actor, dataset: str) -> TestPart:
    """Return the number of test questions that exist, are needed and wait. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    build = FileIndex(ctx.db).find_newest_build(dataset)
    split = build.manifest.get("split") if build else None
    if build is None or not isinstance(split, dict):
        return TestPart()
    waiting = Proposals(ctx.db, ctx.clock).count([dataset], TEST)
    needed = max(int(split["min_test"]), 1)
    return TestPart(
        questions=build.test,
        least=needed,
        waiting=waiting,
        disguised=int(split.get("disguised", 0)),
    )
