"""Proposals that wait for an editor of their dataset, and contradictions of its examples."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import Annotated, Literal

from fastapi import Form
from pydantic import BaseModel, Field, Json
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.page import (
    REFUSALS,
    PageContext,
    TeacherContext,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.pages.teach.changes import Noted, find_noted_change
from merlin.api.pages.teach.edit_form import EditedDataset, base_of
from merlin.api.schema import Id, Number
from merlin.app import changes, contradictions, examples, near, reviews, wordings
from merlin.app.changes import DatasetFiles
from merlin.app.examples import DatasetHeading
from merlin.app.near import NearExample
from merlin.app.wordings import UsedWordings
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.core.web.assets import seen_other
from merlin.dataset.corrections import Corrected
from merlin.dataset.finding import Finding
from merlin.dataset.proposals import MAX_REASON, Proposal

router = page_router()


_BATCH_SIZE = 50
_NearChoice = Annotated[
    str, Field(pattern="^((same|replace) [0-9]{1,18} [^\\n]{1,1000})?$")
]
_One = Annotated[list[Number], Field(max_length=1)]
_Some = Annotated[list[Number], Field(max_length=_BATCH_SIZE)]
_Row = Annotated[str, Field(pattern="^[0-9]{1,18}( [0-9]{1,18}){0,49}$")]
_Text = Annotated[str, Field(max_length=100_000)]


class ReviewForm(BaseModel):
    """The form of all corrections on the page; a row is a proposal and those like it.

    `question`, `answer` and `reason` are those of each row. `approve` and `decline` are about one
    row, `act` about the selected ones. Those in `only` change no answer of other questions. `near`
    is what to do, a proposal, and the path of a near example: it gets the "same" answer, or
    "replace" that of all with this answer.
    """

    act: Literal["approve", "decline"] | None = None
    approve: _One = []
    decline: _One = []
    proposal: _Some = []
    only: _Some = []
    near: _NearChoice = ""
    row: Annotated[list[_Row], Field(max_length=_BATCH_SIZE)] = []
    question: list[_Text] = []
    answer: list[_Text] = []
    reason: list[Annotated[str, Field(max_length=MAX_REASON)]] = []

    @property
    def rows(self) -> dict[int, list[int]]:
        """Return by its first proposal the proposals of each row."""
        rows = ([int(each) for each in row.split()] for row in self.row)
        return {row[0]: row for row in rows}

    def expand(self, chosen: Iterable[int]) -> list[int]:
        """Return these proposals, each with those of its row."""
        return [*chain(*(self.rows.get(each, [each]) for each in chosen))]

    @property
    def chosen(self) -> list[int]:
        """Return the first proposal of the rows that are decided."""
        near_one = [int(self.near.split(" ")[1])] if self.near else []
        return near_one or self.approve or self.decline or self.proposal

    @property
    def written(self) -> dict[int, tuple[str, str]]:
        """Return by proposal the question and answer that stand in the form."""
        texts = zip(self.rows, self.question, self.answer, strict=False)
        return {number: _trim(question, answer) for number, question, answer in texts}

    @property
    def reasons(self) -> dict[int, str]:
        """Return by proposal the reason of its row."""
        typed = zip(self.rows, map(str.strip, self.reason), strict=False)
        return {
            each: reason for first, reason in typed for each in self.expand([first])
        }

    @property
    def alike(self) -> dict[int, int]:
        """Return the proposals that are decided, each with the first of its row."""
        return {each: first for first in self.chosen for each in self.expand([first])}

    def review(self, files: DatasetFiles) -> reviews.Review:
        """Return how the rows are accepted.

        Raises Refused without a question or an answer, and for a near example that is gone.
        """
        written = {
            each: self.written[each] for each in self.chosen if each in self.written
        }
        if not all(chain(*written.values())):
            raise Refused("words are missing", "page-needs-both")
        if not self.near:
            replaced = dict.fromkeys(self.expand(self.only), "")
            return reviews.Review(replaced, written, alike=self.alike)
        act, _, path = self.near.split(" ", 2)
        known = near.read_answer(files, path)
        answers = dict.fromkeys(self.chosen, known) if act == "same" else {}
        replaced = dict.fromkeys(self.alike, known if act == "replace" else "")
        return reviews.Review(replaced, written, answers, self.alike)

    def is_changed(self, proposal: Proposal) -> bool:
        """Return whether other words than the proposed ones stand in the form."""
        proposed = _trim(proposal.draft.question, proposal.draft.answer)
        return self.written.get(proposal.proposal_id, proposed) != proposed

    def list_lost(self, waiting: Iterable[Proposal]) -> list[tuple[str, str]]:
        """Return question and answer of the chosen rows whose proposal waits no longer."""
        lost = self.written.keys() - {each.proposal_id for each in waiting}
        return [self.written[each] for each in self.chosen if each in lost]

    def apply(self, waiting: Iterable[Proposal]) -> list[Proposal]:
        """Return the proposals with what stands in the form."""
        review = reviews.Review(written=self.written)
        return [replace(each, draft=review.draft_of(each)) for each in waiting]


class WordingForm(BaseModel):
    """Ticked wordings, each after its taught question: of people, by frames, or to drop."""

    act: Literal["used", "frames", "decline"]
    wording: Annotated[list[Json[tuple[_Text, _Text]]], Field(max_length=200)] = []


def _trim(question: str, answer: str) -> tuple[str, str]:
    """Return a question and an answer as a form sends them, with LF line ends."""
    plain = answer.replace("\r\n", "\n")
    return question.strip().replace("\r\n", "\n"), examples.trim_answer(plain)


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """What became of a review: `wrong` says why something was not accepted, "" for all.

    `changed` is the edit of those that were, `errors` are those of the others by proposal.
    """

    wrong: str = ""
    changed: str = ""
    errors: Mapping[int, Sequence[Finding]] = field(default_factory=dict)


@router.get("/datasets/{dataset}/proposals")
async def show_proposals(
    context: TeacherContext,
    dataset: EditedDataset,
    *,
    changed: Noted = "",
    compare: bool = False,
    single: bool = False,
) -> Response:
    """Return the oldest pending example proposals, and the state of those accepted last.

    `compare`: with the nearest pairs of examples with different answers, found in seconds.
    `single`: with the answers that one wording finds, and proposals of others.
    """
    result = ReviewResult(changed=changed)
    return await _render_proposals(
        context, dataset, ReviewForm(), result, is_compared=compare, is_single=single
    )


async def _render_proposals(
    context: PageContext,
    dataset: DatasetHeading,
    form: ReviewForm,
    result: ReviewResult,
    *,
    is_compared: bool = False,
    is_single: bool = False,
) -> Response:
    """Return the page with what stands in the form."""
    # Before what it is about, which otherwise could be older than the note says.
    note = await find_noted_change(context, result.changed)
    waiting = await _list_waiting(context, dataset.name)
    total = await context.read(reviews.count_waiting, context.actor, dataset.name)
    groups = reviews.group_alike(waiting)
    firsts = [group[0] for group in groups]
    changed = {each.proposal_id for each in firsts if form.is_changed(each)}
    firsts = form.apply(firsts)
    corrected = await context.read(reviews.find_corrected, context.actor, firsts)
    files = await context.read(changes.read_files, context.actor, dataset.name)
    view: dict[str, object] = {
        "dataset": dataset,
        "course": dataset.course,
        "base": base_of(dataset.name, "proposals"),
        "examples_href": base_of(dataset.name),
        "rows": [*zip(firsts, groups, strict=True)],
        "more": max(total - len(waiting), 0),
        "corrected": corrected,
        "narrow": await asyncio.to_thread(
            reviews.find_other_questions, firsts, corrected
        ),
        "near": await _find_near(context, files, firsts, corrected),
        "used": await _read_used(context, files),
        "editors": await context.read(reviews.find_editors, context.actor, waiting),
        "tests": await context.read(
            reviews.count_test_questions, context.actor, dataset.name
        ),
        "note": note,
        "form": form,
        "changed": changed,
        "result": result,
        "lost": form.list_lost(waiting),
        "longest_reason": MAX_REASON,
    }
    if is_single:
        view["single"], view["singles"] = await context.read(
            wordings.propose_frames, context.actor, dataset.name
        )
    if is_compared:
        view["looked"] = await asyncio.to_thread(
            contradictions.find_contradictions, files
        )
    return render_page(
        context, "teach_proposals.html", view, status=409 if result.wrong else 200
    )


async def _list_waiting(context: PageContext, dataset: str) -> list[Proposal]:
    return await context.read(
        reviews.list_waiting, context.actor, 0, _BATCH_SIZE, dataset
    )


async def _read_used(context: PageContext, files: DatasetFiles) -> UsedWordings:
    """Return the wordings that people used."""
    labels, editors = await context.read(
        wordings.list_labels, context.actor, files.dataset
    )
    return await asyncio.to_thread(
        wordings.group_labels, context.services, files, labels, editors
    )


async def _find_near(
    context: PageContext,
    files: DatasetFiles,
    waiting: Sequence[Proposal],
    corrected: Mapping[int, Corrected],
) -> dict[int, list[NearExample]]:
    """Return by id the examples that these corrections may be about."""
    offered = await context.read(near.list_offered, context.actor, waiting)
    return await asyncio.to_thread(
        near.find_near_corrections, context.services, files, waiting, corrected, offered
    )


@router.post("/datasets/{dataset}/proposals")
async def judge_proposals(
    context: TeacherContext, dataset: EditedDataset, form: Annotated[ReviewForm, Form()]
) -> Response:
    """Accept rows in one commit, or decline them; what is not accepted stays as it was written."""
    try:
        if form.decline or form.act == "decline":
            chosen = form.expand(form.chosen)
            reasons = form.reasons
            await context.write(reviews.decline, context.actor, chosen, reasons)
            result = ReviewResult()
        else:
            result = await _accept(context, dataset.name, form)
    except REFUSALS as error:
        result = ReviewResult(refusal_text(context, error))
    left = await _list_waiting(context, dataset.name)
    if result.wrong or any(map(form.is_changed, left)):
        return await _render_proposals(context, dataset, form, result)
    base = base_of(dataset.name, "proposals")
    return seen_other(f"{base}?changed={result.changed}" if result.changed else base)


async def _accept(context: PageContext, dataset: str, form: ReviewForm) -> ReviewResult:
    """Accept the chosen rows that make valid examples. Raises Refused if none does."""
    files = await context.read(changes.read_files, context.actor, dataset)
    review = form.review(files)
    return await _approve(context, dataset, form.expand(form.chosen), review)


async def _approve(
    context: PageContext,
    dataset: str,
    chosen: Sequence[int],
    review: reviews.Review = reviews.AS_PROPOSED,
) -> ReviewResult:
    """Accept the proposals that make valid examples. Raises Refused if none is left."""
    files, edits = await context.read(
        reviews.read_several, context.actor, dataset, chosen, review
    )
    check = reviews.check_several
    errors = await asyncio.to_thread(check, context.services, files, edits)
    valid = {each for each, found in errors.items() if not found}
    good = [each for each in edits if {each, review.alike.get(each, each)} <= valid]
    found = [*chain(*errors.values())]
    wrong = ""
    if found:
        reason = found[0].text(context.language)
        wrong = text(context.language, "proposals-have-errors", reason=reason)
    if not good:
        return ReviewResult(wrong, errors=errors)
    change = await context.write(reviews.approve_several, context.actor, good, review)
    return ReviewResult(wrong, change, errors)


@router.post("/datasets/{dataset}/proposals/wordings")
async def judge_wordings(
    context: TeacherContext,
    dataset: EditedDataset,
    form: Annotated[WordingForm, Form()],
) -> Response:
    """Teach the ticked wordings in one commit, or drop what people used.

    What is not accepted waits among the proposals, with its error.
    """
    name = dataset.name
    try:
        if form.act == "decline":
            texts = [text for _, text in form.wording]
            await context.write(wordings.decline, context.actor, name, texts)
            result = ReviewResult()
        else:
            ticked = form.wording
            promote = partial(wordings.promote, is_used=form.act == "used")
            ids = await context.write(promote, context.actor, name, ticked)
            result = await _approve(context, name, ids)
    except REFUSALS as error:
        result = ReviewResult(refusal_text(context, error))
    if result.wrong:
        is_single = form.act == "frames"
        return await _render_proposals(
            context, dataset, ReviewForm(), result, is_single=is_single
        )
    base = base_of(name, "proposals")
    return seen_other(f"{base}?changed={result.changed}" if result.changed else base)


@router.post("/proposals/{proposal}/editing")
async def start_editing(context: TeacherContext, proposal: Id) -> Response:
    """Record that the person is changing a proposal; return who else is."""
    others = await context.write(reviews.start_editing, context.actor, proposal)
    return render_fragment(context, "editing_part.html", {"others": others})


@router.post("/datasets/{dataset}/proposals/contradictions")
async def settle_contradiction(
    context: TeacherContext,
    dataset: EditedDataset,
    holds: Annotated[str, Form()],
    other: Annotated[str, Form()],
    *,
    differ: Annotated[bool, Form()] = False,
) -> Response:
    """Give one example the answer of the other, or say that they are different questions."""
    reason = context.say("contradiction-reason") if differ else ""
    change = await context.write(
        contradictions.settle_contradiction,
        context.actor,
        dataset.name,
        holds,
        other,
        reason,
    )
    return seen_other(
        f"{base_of(dataset.name, 'proposals')}?compare=true&changed={change}"
    )
