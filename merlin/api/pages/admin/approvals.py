"""Critical actions awaiting a second admin's approval."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from merlin.account.users import ERASED
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.page import FormToken, PageContext, ViewerContext, refusal_text, render_page
from merlin.api.schema import Id
from merlin.app import approvals, users
from merlin.app.actor import Actor
from merlin.app.approvals import ApprovalView
from merlin.app.context import Context
from merlin.core.errors import Refused
from merlin.core.web.assets import NEVER_KEPT, seen_other
from merlin.db.audit import person_reference

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/admin/approvals")
async def show_approvals(
    context: ViewerContext, said: Literal["", "asked", "approved", "declined"] = ""
) -> Response:
    """Return the pending approvals; `said` names the action just done."""
    return await _page(context, message=context.say(f"result-{said}") if said else "")


@router.post("/admin/approvals/{number}/{decision}")
async def decide(
    context: ViewerContext, number: Id, decision: Literal["approve", "decline"], once: FormToken
) -> Response:
    """Approve or decline; a second submission finds it decided."""
    del once
    act = approvals.approve if decision == "approve" else approvals.decline
    try:
        done = await context.write(act, number)
    except Refused as error:
        return await _page(context, refusal_text(context, error))
    if done.reason is not None:
        return await _page(context, refusal_text(context, done.reason))
    return seen_other(f"/admin/approvals?said={decision}d")


async def _page(context: PageContext, wrong: str = "", message: str = "") -> Response:
    def read(ctx: Context, actor: Actor) -> tuple[list[ApprovalView], dict[str, str]]:
        waiting = approvals.list_waiting(ctx, actor)
        people = {view.approval.subject for view in waiting}
        people |= {person_reference(view.approval.asked_by) for view in waiting}
        return waiting, dict(users.display_names(ctx, sorted(people)))

    waiting, names = await context.read(read)
    view = {
        "approvals": waiting,
        "names": names,
        "erased": ERASED,
        "wrong_words": wrong,
        "message": message,
    }
    status = 409 if wrong else 200
    return render_page(context, "admin_approvals.html", view, status=status, keep=NEVER_KEPT)
