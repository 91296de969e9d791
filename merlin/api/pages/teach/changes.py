"""The state of a change until its commit, and how to revert it; proposals awaiting an editor."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from fastapi import Depends, Form, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.formatting import state_text
from merlin.api.pages.page import (
    FIELD_LABELS,
    PATTERN,
    REFUSALS,
    FormToken,
    PageContext,
    Seen,
    TeacherContext,
    form_token,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.schema import MAX_ID, Hex, Id, Name, Number
from merlin.app import changes, examples, near, proposals, unanswered
from merlin.app.changes import ChangeView, DatasetFiles, EditNotGood, Make, StaleEdit
from merlin.app.examples import DatasetHeading
from merlin.app.health import is_daemon_alive
from merlin.app.near import NearExample
from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import Course
from merlin.dataset.changes import ChangeState
from merlin.dataset.corrections import Corrected
from merlin.dataset.finding import Finding
from merlin.dataset.proposals import MAX_REASON, Proposal

# A form field: label, the person's value, the other value.
Clashes = Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class FormResult:
    """Why a form was not saved: a message, and what the checker found.

    `clashes` None: no concurrent edit; `may_allow`: the findings are personal data only. `text` is
    that of a file which is no example. `near` are examples that may ask the same.
    """

    wrong: str = ""
    clashes: Clashes | None = None
    findings: Sequence[Finding] = ()
    may_allow: bool = False
    text: str = ""
    near: Sequence[NearExample] = ()


class EditForm(BaseModel):
    """A form that edits a file of a dataset; `revision` is the version that its editor saw."""

    revision: str = ""
    once: str = Field(default_factory=form_token, pattern=PATTERN)

    def text_of(self, name: str, context: PageContext) -> str:
        """Return a field's value as its form shows it."""
        value = getattr(self, name)
        if isinstance(value, bool):
            return context.say("value-yes" if value else "value-no")
        return state_text(
            context, f"page-{name}", str(value).strip().replace("\r\n", "\n")
        )


F = TypeVar("F", bound=EditForm)


def find_clashes(context: PageContext, yours: EditForm, theirs: EditForm) -> Clashes:
    """Return the fields of two versions of a form that have other values."""
    names = [name for name in FIELD_LABELS if name in type(yours).model_fields]
    both = (
        (name, yours.text_of(name, context), theirs.text_of(name, context))
        for name in names
    )
    return [
        (context.say(FIELD_LABELS[name]), one, other)
        for name, one, other in both
        if one != other
    ]


async def submit_form(
    context: PageContext,
    dataset: str,
    make: Make,
    form: F,
    read_theirs: Callable[[StaleEdit], Awaitable[F]],
    stale: str,
    allow: str | None = None,
) -> tuple[ChangeView | FormResult, F]:
    """Submit the commit of a form; return also the form for the next attempt.

    After a concurrent edit `read_theirs` returns the current version, which is shown with the text
    `stale`. `allow` is the reason why personal data may be saved, None where it never may. Raises
    NotFound if the file no longer exists.
    """
    # A form submitted again with other values creates another change.
    once = form.model_dump_json()
    try:
        change = await changes.submit(
            context.services,
            context.actor,
            dataset,
            make,
            once,
            allow=allow or "",
        )
    except StaleEdit as error:
        theirs = await read_theirs(error)
        clashes = find_clashes(context, form, theirs)
        # The person has now seen the current version.
        form = form.model_copy(update={"revision": error.revision})
        return FormResult(context.say(stale), clashes=clashes), form
    except EditNotGood as error:
        findings = [*error.preview.findings, *error.preview.around]
        may_allow = allow is not None and bool(error.preview.personal)
        wrong = context.say("allow-ask" if may_allow else "has-errors")
        return FormResult(wrong, findings=findings, may_allow=may_allow), form
    except REFUSALS as error:
        return FormResult(refusal_text(context, error)), form
    return change, form


router = page_router()

Noted = Annotated[str, Query(pattern="^([0-9a-f]{32})?$")]


@router.get("/changes/{change_id}")
async def show_change(context: TeacherContext, change_id: Hex) -> Response:
    """Return the page of a change."""
    return render_page(context, "change.html", await _view(context, change_id))


@router.get("/changes/{change_id}/live")
async def show_live(
    context: TeacherContext, change_id: Hex, seen: Seen = ""
) -> Response:
    """Return the change if its state differs from `seen`, else nothing."""
    view = await _view(context, change_id)
    if view["seen"] == seen:
        return Response(status_code=204)
    return render_fragment(context, "change_part.html", view)


@router.get("/changes/{change_id}/note")
async def show_note(
    context: TeacherContext, change_id: Hex, seen: Seen = ""
) -> Response:
    """Return the line with the state of an edit if it differs from `seen`, else nothing."""
    note = await find_noted_change(context, change_id)
    if note is None:
        raise NotFound(f"no change {change_id}")
    if note.seen == seen:
        return Response(status_code=204)
    response = render_fragment(context, "note_part.html", {"note": note})
    if note.is_indexed:
        response.headers["HX-Trigger"] = (
            "change-indexed"  # lists with the edit refresh themselves
        )
    return response


@router.post("/changes/{change_id}/retry")
async def retry_change(context: TeacherContext, change_id: Hex) -> Response:
    """Retry an edit that the repository refused."""
    await context.write(changes.retry, context.actor, change_id)
    return seen_other(f"/changes/{change_id}")


@router.post("/changes/{change_id}/drop")
async def drop_change(context: TeacherContext, change_id: Hex) -> Response:
    """Cancel an edit before it is committed."""
    await context.write(changes.drop, context.actor, change_id)
    return seen_other(f"/changes/{change_id}")


@router.post("/changes/{change_id}/undo")
async def undo_change(
    context: TeacherContext, change_id: Hex, once: FormToken
) -> Response:
    """Submit a commit that reverts this one, and redirect to its page.

    One that is undone already is shown, with the commit that did.
    """
    if await context.read(changes.find_undo, context.actor, change_id):
        return seen_other(f"/changes/{change_id}")
    dataset, make = await context.read(changes.make_undo, context.actor, change_id)
    done = await changes.submit(context.services, context.actor, dataset, make, once)
    return seen_other(f"/changes/{done.id}")


@dataclass(frozen=True, slots=True)
class NotedChange:
    """An edit whose state is shown; `is_indexed`: lists show it.

    `is_late`: it waits for a daemon. `is_watched`: the person is told where its commit stands.
    `course` is that of its dataset, where the model can be asked.
    """

    change: ChangeView
    is_indexed: bool
    is_late: bool
    is_watched: bool
    course: Course | None

    @property
    def is_live(self) -> bool:
        """Return whether its state or the lists will change without the person."""
        if self.change.state is not ChangeState.COMMITTED:
            return not self.change.is_over
        return not self.is_indexed or (
            self.is_watched and self.change.commit_state.is_open
        )

    @property
    def seen(self) -> str:
        """Return what the line shows: a browser fetches it only after it changes."""
        return f"{self.change.commit_state}.{self.is_indexed:d}.{self.is_late:d}"


async def find_noted_change(context: PageContext, change_id: str) -> NotedChange | None:
    """Return the edit whose state is shown in a line, None if the person cannot see it."""
    with suppress(NotFound):
        return await _read_change(context, change_id) if change_id else None
    return None


async def _read_change(context: PageContext, change_id: str) -> NotedChange:
    """Return an edit with its state. Raises NotFound."""
    change = await context.read(changes.get, context.actor, change_id)
    return NotedChange(
        change=change,
        is_indexed=await context.services.read(changes.is_indexed, change),
        is_late=not (change.is_over or await context.services.read(is_daemon_alive)),
        is_watched=context.may(Permission.WATCH, change.dataset),
        course=await context.services.read(
            lambda ctx: ctx.read_courses().find(change.dataset)
        ),
    )


async def _view(context: PageContext, change_id: str) -> dict[str, object]:
    """Return a change, why it waits or was refused, and what undid it."""
    note = await _read_change(context, change_id)
    change = note.change
    reason = (
        context.say("change-late") if note.is_late else change.why(context.language)
    )
    return {
        "change": change,
        "reason": reason,
        "seen": f"{note.seen}.{len(reason)}.{change.can_withdraw:d}",
        "course": note.course,
        "undo": await context.read(changes.find_undo, context.actor, change_id),
    }


async def require_edited_dataset(
    context: TeacherContext, dataset: Name
) -> DatasetHeading:
    """Return a dataset whose examples the person may edit. Raises NotFound."""
    return await context.read(examples.get_heading, context.actor, dataset)


EditedDataset = Annotated[DatasetHeading, Depends(require_edited_dataset)]


def base_of(dataset: str, room: str = "examples") -> str:
    """Return the address of a dataset's examples, or of another of its pages."""
    return f"/datasets/{quote(dataset, safe='')}/{room}"


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

    def review(self, files: DatasetFiles) -> proposals.Review:
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
            return proposals.Review(replaced, written, alike=self.alike)
        act, _, path = self.near.split(" ", 2)
        known = near.read_answer(files, path)
        answers = dict.fromkeys(self.chosen, known) if act == "same" else {}
        replaced = dict.fromkeys(self.alike, known if act == "replace" else "")
        return proposals.Review(replaced, written, answers, self.alike)

    def is_changed(self, proposal: Proposal) -> bool:
        """Return whether other words than the proposed ones stand in the form."""
        proposed = _trim(proposal.draft.question, proposal.draft.answer)
        return self.written.get(proposal.proposal_id, proposed) != proposed

    def apply(self, waiting: Iterable[Proposal]) -> list[Proposal]:
        """Return the proposals with what stands in the form."""
        review = proposals.Review(written=self.written)
        return [replace(each, draft=review.draft_of(each)) for each in waiting]


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
) -> Response:
    """Return the oldest pending example proposals, and the state of those accepted last.

    `compare`: with the nearest pairs of examples with different answers, found in seconds.
    """
    result = ReviewResult(changed=changed)
    return await _render_proposals(
        context, dataset, ReviewForm(), result, is_compared=compare
    )


async def _render_proposals(
    context: PageContext,
    dataset: DatasetHeading,
    form: ReviewForm,
    result: ReviewResult,
    *,
    is_compared: bool = False,
) -> Response:
    """Return the page with what stands in the form."""
    waiting = await _list_waiting(context, dataset.name)
    total = await context.read(proposals.count_waiting, context.actor, dataset.name)
    groups = proposals.group_alike(waiting)
    firsts = [group[0] for group in groups]
    changed = {each.proposal_id for each in firsts if form.is_changed(each)}
    firsts = form.apply(firsts)
    corrected = await context.read(proposals.find_corrected, context.actor, firsts)
    files = await context.read(changes.read_files, context.actor, dataset.name)
    ids = {each.proposal_id for each in waiting}
    view: dict[str, object] = {
        "dataset": dataset,
        "course": dataset.course,
        "base": base_of(dataset.name, "proposals"),
        "rows": [*zip(firsts, groups, strict=True)],
        "more": max(total - len(waiting), 0),
        "corrected": corrected,
        "narrow": await asyncio.to_thread(
            proposals.find_other_questions, firsts, corrected
        ),
        "near": await _find_near(context, files, firsts, corrected),
        "editors": await context.read(proposals.find_editors, context.actor, waiting),
        "tests": await context.read(
            proposals.count_test_questions, context.actor, dataset.name
        ),
        "note": await find_noted_change(context, result.changed),
        "form": form,
        "changed": changed,
        "result": result,
        "lost": [
            form.written[each]
            for each in form.chosen
            if each in form.written.keys() - ids
        ],
        "longest_reason": MAX_REASON,
    }
    if is_compared:
        view["looked"] = await asyncio.to_thread(proposals.find_contradictions, files)
    return render_page(
        context, "teach_proposals.html", view, status=409 if result.wrong else 200
    )


async def _list_waiting(context: PageContext, dataset: str) -> list[Proposal]:
    return await context.read(
        proposals.list_waiting, context.actor, 0, _BATCH_SIZE, dataset
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
            await context.write(proposals.decline, context.actor, chosen, reasons)
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
    files, edits = await context.read(
        proposals.read_several, context.actor, dataset, form.expand(form.chosen), review
    )
    check = proposals.check_several
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
    change = await context.write(proposals.approve_several, context.actor, good, review)
    return ReviewResult(wrong, change, errors)


@router.post("/proposals/{proposal}/editing")
async def start_editing(context: TeacherContext, proposal: Id) -> Response:
    """Record that the person is changing a proposal; return who else is."""
    others = await context.write(proposals.start_editing, context.actor, proposal)
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
        proposals.settle_contradiction,
        context.actor,
        dataset.name,
        holds,
        other,
        reason,
    )
    return seen_other(
        f"{base_of(dataset.name, 'proposals')}?compare=true&changed={change}"
    )


@router.get("/datasets/{dataset}/unanswered")
async def show_unanswered(
    context: TeacherContext,
    dataset: EditedDataset,
    changed: Noted = "",
    dismissed: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Return last week's unanswered questions, newest first, and the state of the last answer.

    `dismissed` is the turn of the question that was just taken off the list.
    """
    off = ""
    if dismissed:
        find = unanswered.find_dismissed
        where = dataset.name
        off = await context.read(
            find, context.actor, where, dismissed, context.language
        )
    questions = await context.read(
        unanswered.list_unanswered, context.actor, dataset.name, context.language
    )
    view = {
        "dataset": dataset,
        "course": dataset.course,
        "examples_href": base_of(dataset.name),
        "questions": questions,
        "dismissed": dismissed,
        "off": off,
        "note": await find_noted_change(context, changed),
    }
    return render_page(context, "teach_unanswered.html", view)


@router.post("/datasets/{dataset}/unanswered")
async def dismiss_unanswered(
    context: TeacherContext,
    dataset: EditedDataset,
    turn: Annotated[int, Form(ge=1, le=MAX_ID)],
    act: Annotated[Literal["dismiss", "restore"], Form()] = "dismiss",
) -> Response:
    """List a question of no concern, and those like it, no more; or again."""
    base = base_of(dataset.name, "unanswered")
    if act == "restore":
        await context.write(unanswered.restore, context.actor, dataset.name, turn)
        return seen_other(base)
    await context.write(unanswered.dismiss, context.actor, dataset.name, turn)
    return seen_other(f"{base}?dismissed={turn}")
