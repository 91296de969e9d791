"""A change on its way to a commit: where it stands, and the ways back.

In a conflict both texts stand beside each other, those lines marked that the other has not got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from merlin.api.pages.components import DiffLine, diff_lines
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.forms import REFUSALS, Mark, refusal_text
from merlin.api.pages.page import (
    Link,
    PageRequest,
    Teaching,
    badge,
    nowhere,
    render_fragment,
    render_page,
    when,
)
from merlin.api.schema import Hex
from merlin.app import changes
from merlin.app.changes import ChangeView, FileChange
from merlin.app.context import Context
from merlin.app.idempotency import perform_once
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.permissions import Permission
from merlin.core.web.assets import seen_other
from merlin.core.web.templates import Badge
from merlin.course.catalogue import Catalogue, Course
from merlin.dataset.changes import ChangeState, format_subject

# In longer texts nothing is marked: comparing them would hold up everybody else.
MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One line with its end; `is_other`: the other text has not got it."""

    words: str
    is_other: bool


Lines = tuple[ComparedLine, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """One text as both wrote it; no lines: there is nothing."""

    title: str
    yours: Lines
    theirs: Lines


def clash(title: str, yours: str | None, theirs: str | None) -> Clash:
    """Return two texts of one thing."""
    mine, others = _lines(yours), _lines(theirs)
    blocks = _alike(mine, others)
    return Clash(
        title,
        tuple(_marked(mine, ((each.a, each.size) for each in blocks))),
        tuple(_marked(others, ((each.b, each.size) for each in blocks))),
    )


def clashes(yours: Mapping[str, str], theirs: Mapping[str, str]) -> tuple[Clash, ...]:
    """Return the fields of a form, title -> text, that the two wrote otherwise."""
    return tuple(
        clash(title, text, theirs[title]) for title, text in yours.items() if text != theirs[title]
    )


def _lines(text: str | None) -> Sequence[str]:
    return (text or "").splitlines(keepends=True)


def _alike(mine: Sequence[str], others: Sequence[str]) -> Sequence[Match]:
    if max(len(mine), len(others)) > MOST_LINES:
        return (Match(0, 0, max(len(mine), len(others))),)
    return SequenceMatcher(None, mine, others).get_matching_blocks()


def _marked(lines: Sequence[str], alike: Iterator[tuple[int, int]]) -> Iterator[ComparedLine]:
    """Yield the lines; `alike` are begin and length of those that both texts have."""
    known = {place for begin, size in alike for place in range(begin, begin + size)}
    for place, line in enumerate(lines):
        yield ComparedLine(line, place not in known)


router = APIRouter(route_class=PageRoute, include_in_schema=False)

Noted = Annotated[str, Query(pattern="^([0-9a-f]{32})?$")]
_COMMIT_LETTERS = 7


@dataclass(frozen=True, slots=True)
class NoteView:
    """A line that tells how far an edit is; `live_href` "" once it ended."""

    href: str
    live_href: str
    subject: str
    chip: Badge


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file; `clash` are both texts where they are in conflict."""

    path: str
    lines: tuple[DiffLine, ...]
    clash: Clash | None


@dataclass(frozen=True, slots=True)
class ChangePage:
    """A change; `live_href` asks for it again, "" once it ended; `hint` says what that means."""

    change_id: str
    seen: str
    live_href: str
    subject: str
    about: str
    chip: Badge
    hint: str
    reason: str
    files: tuple[ChangedFile, ...]
    is_conflict: bool
    may_retry: bool
    may_drop: bool
    may_undo: bool
    course: Link | None
    verdict_href: str


@router.get("/changes/{change_id}")
async def show_change(visit: Teaching, change_id: Hex) -> Response:
    """Return the page of a change."""
    return await _page(visit, change_id)


@router.get("/changes/{change_id}/live")
async def show_live(
    visit: Teaching, change_id: Hex, seen: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Return the change as it is now; nothing where it is as it was."""
    view = await _view(visit, change_id)
    if view.seen == seen:
        return Response(status_code=204)
    return render_fragment(visit, "change_part.html", v=view)


@router.get("/changes/{change_id}/note")
async def show_note(visit: Teaching, change_id: Hex) -> Response:
    """Return the line that tells how far an edit is."""
    view = await note_view(visit, change_id)
    if view is None:
        raise nowhere()
    return render_fragment(visit, "note_part.html", v=view)


@router.post("/changes/{change_id}/again")
async def solve_change(
    visit: Teaching, change_id: Hex, once: Mark, take: Annotated[Literal["mine", "theirs"], Form()]
) -> Response:
    """Solve a conflict: my text over theirs, or theirs."""
    return await _act(visit, change_id, once, changes.solve, take=take)


@router.post("/changes/{change_id}/retry")
async def retry_change(visit: Teaching, change_id: Hex, once: Mark) -> Response:
    """Let an edit that the repository refused be tried again."""
    return await _act(visit, change_id, once, changes.retry)


@router.post("/changes/{change_id}/drop")
async def drop_change(visit: Teaching, change_id: Hex, once: Mark) -> Response:
    """Take an edit back before it is a commit."""
    return await _act(visit, change_id, once, changes.drop)


@router.post("/changes/{change_id}/undo")
async def undo_change(visit: Teaching, change_id: Hex, once: Mark) -> Response:
    """Ask for a commit that takes this one back, and lead to its page."""
    try:
        done = await changes.undo(visit.context, visit.caller.actor, change_id, once)
    except REFUSALS as error:
        return await _page(visit, change_id, refusal_text(visit, error))
    return seen_other(f"/changes/{done.id}")


async def _act(
    visit: PageRequest, change_id: str, once: str, act: Callable[..., object], **named: str
) -> Response:
    actor = visit.caller.actor
    try:
        await visit.context.write(perform_once, actor, once, act, change_id, **named)
    except REFUSALS as error:
        return await _page(visit, change_id, refusal_text(visit, error))
    return seen_other(f"/changes/{change_id}")


async def note_view(visit: PageRequest, change_id: str) -> NoteView | None:
    """Return how far an edit is, None for none that the person may see."""
    if not change_id:
        return None
    try:
        told = await visit.context.read(changes.get, visit.caller.actor, change_id)
    except NotFound:
        return None
    href = f"/changes/{change_id}"
    live = "" if told.is_over else f"{href}/note"
    subject = format_subject(told.subject, visit.language)
    return NoteView(href, live, subject, badge(visit, "page-change", told.state))


async def _page(visit: PageRequest, change_id: str, wrong: str = "") -> Response:
    view = await _view(visit, change_id)
    status = 409 if wrong else 200
    return render_page(visit, "change.html", v=view, wrong_words=wrong, status=status)


async def _view(visit: PageRequest, change_id: str) -> ChangePage:
    told = await visit.context.read(changes.get, visit.caller.actor, change_id)
    reason = text(visit.language, told.reason, **told.arguments) if told.reason else ""
    seen, is_conflict = f"{told.state.value}.{len(reason)}", told.state is ChangeState.CONFLICT
    return ChangePage(
        change_id=change_id,
        seen=seen,
        live_href="" if told.is_over else f"/changes/{change_id}/live?seen={seen}",
        subject=format_subject(told.subject, visit.language),
        about=_about(visit, told),
        chip=badge(visit, "page-change", told.state),
        hint=visit.say(f"change-{told.state.value}-hint"),
        # A conflict's reason is what its hint says.
        reason="" if is_conflict else reason,
        files=tuple(map(_file, told.files)),
        is_conflict=is_conflict,
        may_retry=told.state is ChangeState.PARKED,
        may_drop=told.can_drop,
        may_undo=told.state is ChangeState.COMMITTED,
        course=await _course(visit, told.dataset),
        verdict_href=_verdict(visit, told),
    )


def _about(visit: PageRequest, told: ChangeView) -> str:
    said = [told.dataset, when(visit, told.asked_at)]
    if told.commit:
        said.append(visit.say("commit", commit=told.commit[:_COMMIT_LETTERS]))
    return " · ".join(said)


def _verdict(visit: PageRequest, told: ChangeView) -> str:
    is_seen = told.commit and visit.caller.may(Permission.WATCH, told.dataset)
    return f"/admin/verdicts?commit={told.commit}" if is_seen else ""


def _file(told: FileChange) -> ChangedFile:
    both = clash(told.path, told.yours, told.theirs) if told.is_conflict else None
    return ChangedFile(told.path, diff_lines(told.difference), both)


async def _course(visit: PageRequest, dataset: str) -> Link | None:
    def find(ctx: Context) -> Course:
        return Catalogue(ctx.db).course(dataset)

    try:
        course = await visit.context.read(find)
    except NotFound:
        return None
    return Link(f"/courses/{course.course_id}/edit", course.title(visit.language))
