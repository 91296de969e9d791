"""The state of a change until its commit, and how to revert it."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from merlin.api.pages.errors import page_router
from merlin.api.pages.page import (
    FormToken,
    PageContext,
    Seen,
    TeacherContext,
    render_fragment,
    render_page,
)
from merlin.api.schema import Hex
from merlin.app import changes
from merlin.app.changes import ChangeView
from merlin.app.health import is_daemon_alive
from merlin.app.permissions import may_edit_examples
from merlin.core.errors import NotFound
from merlin.core.web.assets import seen_other
from merlin.course.catalogue import Course
from merlin.dataset.changes import ChangeState
from merlin.training.commit_state import CommitState

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
    note = await _read_change(context, change_id)
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
    def state(self) -> CommitState:
        """Return the word for it; that of its commit once lists show it, of the same age."""
        return (
            CommitState.WORKING
            if self.change.state is ChangeState.COMMITTED and not self.is_indexed
            else self.change.commit_state
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
        is_watched=await context.read(may_edit_examples, context.actor, change.dataset),
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
