"""The state of a change until its commit, and how to revert it; proposals awaiting an editor."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
    course_href,
    form_token,
    refusal_text,
    render_fragment,
    render_page,
)
from merlin.api.schema import MAX_ID, Hex, Name, Number
from merlin.app import changes, examples, near, proposals, unanswered, verdicts
from merlin.app.changes import ChangeView, EditNotGood, Make, StaleEdit
from merlin.app.examples import DatasetHeading
from merlin.app.health import is_daemon_alive
from merlin.app.near import NearExample
from merlin.app.verdicts import VerdictView
from merlin.core.errors import NotFound, Refused
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other
from merlin.dataset.came_after import CameAfter
from merlin.dataset.changes import ChangeState
from merlin.dataset.finding import Finding
from merlin.training.commit_state import CommitState

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
        return state_text(context, f"page-{name}", str(value).strip().replace("\r\n", "\n"))


F = TypeVar("F", bound=EditForm)


def find_clashes(context: PageContext, mine: EditForm, theirs: EditForm) -> Clashes:
    """Return the fields of two versions of a form that have other values."""
    names = [name for name in FIELD_LABELS if name in type(mine).model_fields]
    both = ((name, mine.text_of(name, context), theirs.text_of(name, context)) for name in names)
    return [
        (context.say(FIELD_LABELS[name]), one, other) for name, one, other in both if one != other
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
async def show_live(context: TeacherContext, change_id: Hex, seen: Seen = "") -> Response:
    """Return the change if its state differs from `seen`, else nothing."""
    view = await _view(context, change_id)
    if view["seen"] == seen:
        return Response(status_code=204)
    return render_fragment(context, "change_part.html", view)


@router.get("/changes/{change_id}/note")
async def show_note(context: TeacherContext, change_id: Hex, seen: Seen = "") -> Response:
    """Return the line with the state of an edit if it differs from `seen`, else nothing."""
    note = await find_noted_change(context, change_id)
    if note is None:
        raise NotFound(f"no change {change_id}")
    if note.seen == seen:
        return Response(status_code=204)
    response = render_fragment(context, "note_part.html", {"note": note})
    if note.is_indexed:
        response.headers["HX-Trigger"] = "change-indexed"  # lists with the edit refresh themselves
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
async def undo_change(context: TeacherContext, change_id: Hex, once: FormToken) -> Response:
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
    """An edit whose state is shown in a line; `is_indexed`: lists show it.

    `is_late`: it waits for a daemon. `state` is that of its commit, if the person may watch it.
    `chat` is where the model can be asked.
    """

    change: ChangeView
    is_indexed: bool
    is_late: bool
    state: CommitState
    is_watched: bool
    chat: str

    @property
    def is_live(self) -> bool:
        """Return whether its state or the lists will change without the person."""
        if self.change.state is not ChangeState.COMMITTED:
            return not self.change.is_over
        return not self.is_indexed or (self.is_watched and self.state.is_open)

    @property
    def seen(self) -> str:
        """Return what the line shows: a browser fetches it only after it changes."""
        return f"{self.change.state}.{self.is_indexed:d}.{self.is_late:d}.{self.state}"


async def find_noted_change(context: PageContext, change_id: str) -> NotedChange | None:
    """Return the edit whose state is shown in a line, None if the person cannot see it."""
    if not change_id:
        return None
    with suppress(NotFound):
        change = await context.read(changes.get, context.actor, change_id)
        is_indexed = await context.read(changes.is_indexed, context.actor, change_id)
        course = await context.services.read(lambda ctx: ctx.read_courses().find(change.dataset))
        return NotedChange(
            change=change,
            is_indexed=is_indexed,
            is_late=await _is_late(context, change),
            state=_choose_state(change, await _find_verdict(context, change)),
            is_watched=context.may(Permission.WATCH, change.dataset),
            chat=f"{course_href(course)}/chat" if course else "",
        )
    return None


async def _find_verdict(context: PageContext, change: ChangeView) -> VerdictView | None:
    """Return the verdict of an edit's commit, None before it or if the person may not watch it."""
    if not (change.commit and context.may(Permission.WATCH, change.dataset)):
        return None
    return await context.services.read(verdicts.find, change.dataset, change.commit)


def _choose_state(change: ChangeView, verdict: VerdictView | None) -> CommitState:
    return verdict.state if verdict else CommitState(change.state.value)


async def _is_late(context: PageContext, change: ChangeView) -> bool:
    return not (change.is_over or await context.services.read(is_daemon_alive))


async def _view(context: PageContext, change_id: str) -> dict[str, object]:
    """Return a change, why it waits or was refused, and its diff when applied."""
    change = await context.read(changes.get, context.actor, change_id)
    reason = change.why(context.language)
    course = await context.services.read(lambda ctx: ctx.read_courses().find(change.dataset))
    if await _is_late(context, change):
        reason = context.say("change-late")
    verdict = await _find_verdict(context, change)
    state = _choose_state(change, verdict)
    return {
        "change": change,
        "state": state,
        "after": verdict.after if verdict else CameAfter(),
        "reason": reason,
        "seen": f"{change.state}.{state}.{len(reason)}.{change.can_withdraw:d}",
        "course": course,
        "undo": await context.read(changes.find_undo, context.actor, change_id),
    }


async def require_edited_dataset(context: TeacherContext, dataset: Name) -> DatasetHeading:
    """Return a dataset whose examples the person may edit. Raises NotFound."""
    return await context.read(examples.get_heading, context.actor, dataset)


EditedDataset = Annotated[DatasetHeading, Depends(require_edited_dataset)]


def base_of(dataset: str, room: str = "examples") -> str:
    """Return the address of a dataset's examples, or of another of its pages."""
    return f"/datasets/{quote(dataset, safe='')}/{room}"


_BATCH_SIZE = 50
_NearChoice = Annotated[str, Field(pattern="^((same|replace) [0-9]{1,18} [^\\n]{1,1000})?$")]


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
    waiting = await context.read(
        proposals.list_waiting, context.actor, 0, _BATCH_SIZE, dataset.name
    )
    total = await context.read(proposals.count_waiting, context.actor, dataset.name)
    corrected = await context.read(proposals.find_corrected, context.actor, waiting)
    narrow = await asyncio.to_thread(proposals.find_other_questions, waiting, corrected)
    offered = await context.read(near.list_offered, context.actor, waiting)
    files = await context.read(changes.read_files, context.actor, dataset.name)
    about = context.services, files, waiting, corrected, offered
    tests = await context.read(proposals.count_test_questions, context.actor, dataset.name)
    view: dict[str, object] = {
        "dataset": dataset,
        "course": dataset.course,
        "base": base_of(dataset.name, "proposals"),
        "proposals": waiting,
        "more": max(total - len(waiting), 0),
        "corrected": corrected,
        "narrow": narrow,
        "near": await asyncio.to_thread(near.find_near_corrections, *about),
        "tests": tests,
        "note": await find_noted_change(context, changed),
    }
    if compare:
        view["looked"] = await asyncio.to_thread(proposals.find_contradictions, files)
    return render_page(context, "teach_proposals.html", view)


@router.post("/datasets/{dataset}/proposals")
async def judge_proposals(
    context: TeacherContext,
    dataset: EditedDataset,
    act: Annotated[Literal["approve", "decline"] | None, Form()] = None,
    approve: Annotated[list[Number] | None, Form(max_length=1)] = None,
    decline: Annotated[list[Number] | None, Form(max_length=1)] = None,
    proposal: Annotated[list[Number] | None, Form(max_length=_BATCH_SIZE)] = None,
    only: Annotated[list[Number] | None, Form(max_length=_BATCH_SIZE)] = None,
    near_one: Annotated[_NearChoice, Form(alias="near")] = "",
) -> Response:
    """Approve one proposal or, by `act`, the selected ones in one commit, or decline them.

    Those in `only` change no answer of other questions. `near` is what to do, a proposal, and the
    path of a near example: it gets the "same" answer, or "replace" that of all with this answer.
    """
    decision, number, path = near_one.split(" ", 2) if near_one else ("", "", "")
    chosen = [int(number)] if number else []
    requested = chosen or approve or decline or proposal or []
    if decline or act == "decline":
        await context.write(proposals.decline_several, context.actor, requested)
        return seen_other(base_of(dataset.name, "proposals"))
    files = await context.read(changes.read_files, context.actor, dataset.name)
    known = {each: near.read_answer(files, path) for each in chosen}
    answers = known if decision == "same" else {}
    replaced = known if decision == "replace" else dict.fromkeys([*(only or []), *chosen], "")
    files, edits = await context.read(
        proposals.read_several, context.actor, dataset.name, requested, replaced, answers
    )
    check = proposals.check_several
    good, errors = await asyncio.to_thread(check, context.services, files, edits)
    if errors and not good:
        reason = errors[0].text(context.language)
        raise Refused("none can be an example", "proposals-have-errors", reason=reason)
    change = await context.write(proposals.approve_several, context.actor, good, replaced, answers)
    return seen_other(f"{base_of(dataset.name, 'proposals')}?changed={change}")


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
        proposals.settle_contradiction, context.actor, dataset.name, holds, other, reason
    )
    return seen_other(f"{base_of(dataset.name, 'proposals')}?compare=true&changed={change}")


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
        find, where = unanswered.find_dismissed, dataset.name
        off = await context.read(find, context.actor, where, dismissed, context.language)
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
