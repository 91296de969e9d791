"""Examples that people propose: a correction of an answer, or a question with its answer.

The consent to learn from them is asked, given, declined, taken back. Each waits for
the editors of its dataset, masked. Nobody's words are taken without their consent. What a teacher
drafted (`merlin.app.distil`) waits among them. Editors judge one or several at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

from merlin.account.users import Consents
from merlin.app import changes, examples
from merlin.app.actor import Actor, missing_dataset
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.app.examples import ExampleContent
from merlin.app.permissions import may_edit_examples, require_editing
from merlin.app.views import described
from merlin.chat.feedback import EditorQuestions
from merlin.core.errors import DatasetError, NotFound, Refused
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import MAX_BATCH_SIZE, Edit
from merlin.dataset.commit_message import Editor
from merlin.dataset.corrections import Replacement
from merlin.dataset.example import Example
from merlin.dataset.finding import Severity, escape_unprintable
from merlin.dataset.proposals import (
    MAX_CHARACTERS,
    Draft,
    Proposal,
    Proposals,
    ProposalState,
    mask_personal_data,
)
from merlin.db.audit import Audit
from merlin.db.notices import ADMINS, Notices

__all__ = ["Draft", "Proposal", "ProposalState", "ProposalView"]

# The version of the words under `consent-asked`; other words need an answer of their own.
VERSION = "2026-11-22"


def has_consent(ctx: Context, actor: Actor) -> bool:
    """Return whether the actor lets corrections be learnt."""
    return Consents(ctx.db, ctx.clock).has(actor.user_id)


def has_declined(ctx: Context, actor: Actor) -> bool:
    """Return whether the actor was asked for the consent, and there is none."""
    consents = Consents(ctx.db, ctx.clock)
    was_asked = consents.was_asked(actor.user_id)
    return was_asked and not consents.has(actor.user_id)


def give_consent(ctx: Context, actor: Actor) -> None:
    """Let corrections be learnt."""
    Consents(ctx.db, ctx.clock).give(actor.user_id, VERSION)


def decline_consent(ctx: Context, actor: Actor) -> None:
    """Keep a no, so that nobody is asked again; a consent that counts is left as it is."""
    Consents(ctx.db, ctx.clock).decline(actor.user_id, VERSION)


def revoke_consent(ctx: Context, actor: Actor) -> list[str] | None:
    """Take the consent back with all that was proposed; return the models that learnt of it.

    None where there was no consent.
    """
    if not Consents(ctx.db, ctx.clock).revoke(actor.user_id):
        return None
    Audit(ctx.db, ctx.clock).note(actor.name, "consent.revoke", actor.name)
    EditorQuestions(ctx.db, ctx.clock).forget(actor.user_id)
    return Proposals(ctx.db, ctx.clock).withdraw(actor.user_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """An example that waits for an editor; its words are masked."""

    proposal: int | None = described("null for a dry run")
    state: ProposalState = ProposalState.WAITING
    question: str
    answer: str


def draft_proposal(dataset: str, words: ExampleContent, language: str) -> Draft:
    """Return an example as its editors would see it, masked. Raises DatasetError."""
    question_text, answer_text = words.question, words.answer
    if words.text is not None or question_text is None or answer_text is None:
        raise DatasetError("words are missing", "api-problem-question-and-answer-detail")
    if max(len(question_text), len(answer_text)) > MAX_CHARACTERS:
        key = "api-problem-too-long-example-detail"
        raise DatasetError("too long", key, limit=MAX_CHARACTERS)
    question, answer = (
        mask_personal_data(each, language).words.strip() for each in (question_text, answer_text)
    )
    return Draft(question, answer, dataset)


def propose(ctx: Context, actor: Actor, draft: Draft, *, dry_run: bool = False) -> ProposalView:
    """Let an example wait for an editor.

    Raises NotFound for a dataset that people are not asked about, Refused without a consent or
    with too many that wait.
    """
    is_open = draft.dataset == ctx.default_dataset
    with suppress(NotFound):
        is_open = is_open or Catalogue(ctx.db).course(draft.dataset).is_active
    if not is_open:
        raise NotFound(f"{draft.dataset} is not open", "api-problem-not-found-detail")
    if not has_consent(ctx, actor):
        raise Refused("no consent", "api-problem-consent-needed-detail")
    proposal = None if dry_run else add(ctx, actor, draft)
    if proposal is None and not dry_run:
        raise Refused("too many wait", "api-problem-too-many-proposals-detail")
    return ProposalView(proposal=proposal, question=draft.question, answer=draft.answer)


def add(ctx: Context, actor: Actor, draft: Draft) -> int | None:
    """Let a draft wait for an editor, and tell the admins once a day; None where too many wait.

    To be called where the person consented.
    """
    proposal = Proposals(ctx.db, ctx.clock).add(actor.user_id, draft)
    if proposal is not None:
        day = f"{ctx.clock():%Y-%m-%d}"
        Notices(ctx.db, ctx.clock).tell(ADMINS, "notice-proposal", {}, f"proposals:{day}")
    return proposal


def count_waiting(ctx: Context, actor: Actor) -> int:
    """Return how many wait for the actor."""
    names = [dataset.name for dataset in examples.datasets(ctx, actor)]
    return Proposals(ctx.db, ctx.clock).count(names) if names else 0


def waiting(
    ctx: Context, actor: Actor, offset: int, limit: int, dataset: str = ""
) -> list[Proposal]:
    """Return what waits for the actor, the oldest first, of one dataset or ("") of all of theirs.

    Raises NotFound for a dataset that the actor may not edit.
    """
    if dataset and not may_edit_examples(ctx, actor, dataset):
        raise missing_dataset(dataset)
    names = [dataset] if dataset else [each.name for each in examples.datasets(ctx, actor)]
    return Proposals(ctx.db, ctx.clock).waiting(offset, limit, names)


def get_waiting(ctx: Context, actor: Actor, proposal_id: int) -> Proposal:
    """Return one that waits. Raises NotFound, Refused where it is decided already."""
    found = Proposals(ctx.db, ctx.clock).get(proposal_id)
    if not may_edit_examples(ctx, actor, found.draft.dataset):
        raise missing_dataset(found.draft.dataset)
    if found.state is not ProposalState.WAITING:
        raise Refused("decided already", "examples-decided")
    return found


def find_replacements(
    ctx: Context, actor: Actor, proposals: Sequence[Proposal]
) -> dict[int, Replacement]:
    """Return by number what goes once each of these is approved. Raises NotFound."""
    for dataset in {proposal.draft.dataset for proposal in proposals}:
        require_editing(ctx, actor, dataset)
    rows = Proposals(ctx.db, ctx.clock)
    return {proposal.proposal_id: rows.replacement(proposal.proposal_id) for proposal in proposals}


def approve(
    ctx: Context, actor: Actor, proposal_id: int, example: Example | None, editor: Editor
) -> None:
    """Ask for the commit of a proposal as the editor wrote it; None: it cannot be read.

    Raises NotFound, Refused.
    """
    origin = get_waiting(ctx, actor, proposal_id).draft
    if example is None:
        raise Refused("broken", "change-not-good")
    worse = example.rejected.content if example.rejected else ""
    draft = replace(origin, question=example.question, answer=example.answer, rejected=worse)
    Proposals(ctx.db, ctx.clock).approve(proposal_id, draft, editor, actor.user_id, example.tags)


def decline(ctx: Context, actor: Actor, proposal_id: int, reason: str = "") -> Proposal:
    """Say no, and forget the words; return what was proposed. Raises NotFound, Refused."""
    found = get_waiting(ctx, actor, proposal_id)
    Proposals(ctx.db, ctx.clock).decline(proposal_id, actor.user_id, reason)
    return found


def read_several(
    ctx: Context, actor: Actor, dataset: str, proposal_ids: Collection[int]
) -> tuple[DatasetFiles, Mapping[int, Sequence[Edit]]]:
    """Return a dataset's files, and the edits of each of its proposals that still waits.

    Raises NotFound, Refused where none is named or left.
    """
    if not proposal_ids:
        raise Refused("none is named", "proposals-none-chosen")
    found = [
        each
        for each in waiting(ctx, actor, 0, MAX_BATCH_SIZE, dataset)
        if each.proposal_id in proposal_ids
    ]
    if not found:
        raise Refused("decided already", "examples-decided")
    edits = Proposals(ctx.db, ctx.clock).edits({each.proposal_id: each.draft for each in found})
    return changes.read_files(ctx, actor, dataset), edits


def check_several(
    ctx: Context, files: DatasetFiles, edits: Mapping[int, Sequence[Edit]]
) -> list[int]:
    """Return the proposals that can become examples; takes a while, and reads no rows."""
    seen = changes.check_edits(ctx, files, [*chain(*edits.values())])
    broken = {finding.path for finding in seen.findings if finding.severity is Severity.ERROR}
    return [one for one, (new, *_) in edits.items() if escape_unprintable(new.path) not in broken]


def approve_several(
    ctx: Context, actor: Actor, proposal_ids: Collection[int], editor: Editor | None = None
) -> str:
    """Ask for one commit of proposals of one dataset as they are; return its Change's id.

    Raises NotFound, Refused where one was decided meanwhile, or none is left.
    """
    if not proposal_ids:
        raise Refused("none can be an example", "change-not-good")
    drafts = {
        proposal_id: get_waiting(ctx, actor, proposal_id).draft for proposal_id in proposal_ids
    }
    name, asker = editor or changes.editor_of(ctx, actor), changes.asker(actor)
    done = Proposals(ctx.db, ctx.clock).approve_all(drafts, name, asker)
    assert done is not None  # noqa: S101 - all of them wait, as was read in this transaction
    return done


def decline_several(ctx: Context, actor: Actor, proposal_ids: Collection[int]) -> int:
    """Decline what still waits of these, and forget the words; return how many. Raises NotFound."""
    rows, asker = Proposals(ctx.db, ctx.clock), changes.asker(actor)
    for proposal_id in proposal_ids:
        if not may_edit_examples(ctx, actor, (dataset := rows.get(proposal_id).draft.dataset)):
            raise missing_dataset(dataset)
    return sum(rows.decline(proposal_id, asker) for proposal_id in proposal_ids)
