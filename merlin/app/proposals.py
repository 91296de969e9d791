"""Examples that users propose: a correction of an answer, or a question with its answer.

Each waits, masked, for the editors of its dataset (`merlin.app.reviews`). Nothing is stored without
the user's consent. Drafts of a teacher model (`merlin.app.distil`) wait among them.
"""

from dataclasses import dataclass

from merlin.app.actor import Actor
from merlin.app.consent import require_consent
from merlin.app.context import Context
from merlin.app.examples import ExampleContent
from merlin.core.errors import DatasetError, NotFound, Refused
from merlin.core.json_fields import is_telegram_id
from merlin.core.views import described
from merlin.dataset.proposals import MAX_CHARACTERS, Draft, Proposals, ProposalState
from merlin.dataset.sensitive import mask_personal_data
from merlin.db.notices import ADMINS, Notices


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """A proposed example that awaits review; personal data is masked."""

    proposal: int = described("Id of the proposal.")
    state: ProposalState = ProposalState.WAITING
    question: str
    answer: str


def draft_proposal(dataset: str, content: ExampleContent, language: str) -> Draft:
    """Return a proposal of an example, masked. Raises DatasetError."""
    question_text = content.question
    answer_text = content.answer
    if question_text is None or answer_text is None:
        raise DatasetError("words are missing", "api-problem-question-and-answer")
    if max(len(question_text), len(answer_text)) > MAX_CHARACTERS:
        key = "api-problem-too-long-example"
        raise DatasetError("too long", key, limit=MAX_CHARACTERS)
    question, answer = (
        mask_personal_data(text, language).words.strip()
        for text in (question_text, answer_text)
    )
    if not (question and answer):
        raise DatasetError("words are missing", "api-problem-question-and-answer")
    return Draft(question, answer, dataset)


def propose(ctx: Context, actor: Actor, draft: Draft) -> ProposalView:
    """Store a proposal, which waits for an editor.

    Raises NotFound for a dataset that is not open to users; Refused without the consent, or with
    too many waiting proposals.
    """
    course = ctx.read_courses().find(draft.dataset)
    if draft.dataset != ctx.default_dataset and not (course and course.is_active):
        raise NotFound(f"{draft.dataset} is not open", "api-problem-not-found")
    proposal = add(ctx, actor, draft)
    return ProposalView(proposal=proposal, question=draft.question, answer=draft.answer)


def add(ctx: Context, actor: Actor, draft: Draft) -> int:
    """Store a draft, notify its editors, and return the proposal's id.

    Raises Refused without the consent, and if too many of the actor's proposals wait.
    """
    require_consent(ctx, actor)
    rows = Proposals(ctx.db, ctx.clock)
    is_told = rows.has_waiting(draft.dataset, draft.origin)
    proposal = rows.add(actor.user_id, draft)
    if proposal is None:
        raise Refused("too many wait", "api-problem-too-many-proposals")
    if not is_told:
        tell_editors(ctx, draft.dataset, proposal)
    return proposal


def tell_editors(ctx: Context, dataset: str, proposal_id: int) -> None:
    """Notify the course's teachers of a proposal, the admins if none of them is in Telegram."""
    arguments = {"dataset": dataset, "proposal": proposal_id}
    teachers = map(str, filter(is_telegram_id, ctx.roles.teachers(dataset)))
    for to in [*teachers] or [ADMINS]:
        Notices(ctx.db, ctx.clock).notify(to, "notice-proposal", arguments)
