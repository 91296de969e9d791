"""Two people for a dangerous act: what waits for the second, who approves or declines it.

An act that `security.two_people` lists is stored instead of performed. Another person who may do
it too approves it, and it is performed then as its asker, with what the asker may do by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from merlin.account.approvals import Approval, Approvals, ApprovalState
from merlin.account.users import Users
from merlin.app import broadcasts, models, payments, users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.permissions import Permission, Role
from merlin.db.audit import Audit, person_reference
from merlin.db.requests import RequestKind

__all__ = ["Approval", "ApprovalState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """An act that waits, or what became of it.

    `text` is what a broadcast says, "" for another act. `is_own`: the actor asked for it.
    `reason`: why an approved act could not be performed.
    """

    approval: Approval
    text: str = ""
    is_own: bool = False
    reason: MerlinError | None = None

    @property
    def number(self) -> int:
        """Return its number."""
        return self.approval.number


def list_waiting(ctx: Context, actor: Actor) -> list[ApprovalView]:
    """Return what waits of what the actor may do, the oldest first; also what they asked for."""
    found = Approvals(ctx.db, ctx.clock).waiting()
    views = (_view(ctx, actor, each) for each in found)
    return [view for view in views if view.is_own or _may(actor, view.approval)]


def count_waiting(ctx: Context, actor: Actor) -> int:
    """Return how many wait for the actor: what others asked for."""
    return sum(not each.is_own for each in list_waiting(ctx, actor))


def get_waiting(ctx: Context, actor: Actor, number: int) -> ApprovalView:
    """Return one that waits for the actor.

    Raises NotFound, also for who may not do it and did not ask for it, Refused for a decided one.
    """
    rows = Approvals(ctx.db, ctx.clock)
    found = rows.get(number)
    view = _view(ctx, actor, found)
    if not (view.is_own or _may(actor, found)):
        raise NotFound(f"no approval {number}", "approval-none", number=str(number))
    if found.state is not ApprovalState.WAITING or found.expires_at <= ctx.clock():
        raise Refused(f"{number} does not wait", "approval-decided", number=str(number))
    return view


def approve(ctx: Context, actor: Actor, number: int) -> ApprovalView:
    """Approve what another person asked for, and perform it; in one transaction.

    What cannot be performed any more is failed, with the reason. Raises NotFound and Refused as
    `get_waiting`, and Refused for one's own.
    """

    def work() -> ApprovalView:
        found, rows = get_waiting(ctx, actor, number), Approvals(ctx.db, ctx.clock)
        approval = found.approval
        if found.is_own:
            raise Refused("one's own", "approval-own", number=str(number))
        rows.decide(number, ApprovalState.APPROVED, actor.name)
        _note(ctx, actor, approval, is_approved=True)
        reason = _perform(ctx, approval)
        if reason is None:
            rows.tell_asker(approval, "notice-approval-approved")
            return replace(found, approval=rows.get(number))
        rows.fail(number)
        why = {"key": reason.key, "arguments": {k: str(v) for k, v in reason.arguments.items()}}
        rows.tell_asker(approval, "notice-approval-failed", reason=why)
        return replace(found, approval=rows.get(number), reason=reason)

    return ctx.db.joined(work)


def decline(ctx: Context, actor: Actor, number: int) -> ApprovalView:
    """Decline what waits; one's own is taken back. Raises NotFound and Refused as `approve`."""

    def work() -> ApprovalView:
        found, rows = get_waiting(ctx, actor, number), Approvals(ctx.db, ctx.clock)
        rows.decide(number, ApprovalState.DECLINED, actor.name)
        _note(ctx, actor, found.approval, is_approved=False)
        if not found.is_own:
            rows.tell_asker(found.approval, "notice-approval-declined")
        return replace(found, approval=rows.get(number))

    return ctx.db.joined(work)


def _note(ctx: Context, actor: Actor, approval: Approval, *, is_approved: bool) -> None:
    asker = person_reference(approval.asked_by)
    values = {"number": approval.number, "act": approval.act, "asked_by": asker}
    audit = Audit(ctx.db, ctx.clock)
    audit.note(
        actor.name,
        "approval.approve" if is_approved else "approval.decline",
        approval.subject,
        values,
    )


def _perform(ctx: Context, approval: Approval) -> MerlinError | None:
    """Perform what was approved as its asker; return why that is refused, None where it is not."""
    asker = approval.asked_by
    standing = replace(Actor.person(asker, ctx.roles.authority(asker)), is_approved=True)
    person = Users(ctx.db, ctx.clock).get(asker)
    if person is not None and person.is_blocked:
        return Refused("the asker is blocked", "approval-asker-blocked")
    act, needed = _ACTS[approval.act]
    is_accept = approval.act == RequestKind.ACCEPT.value
    if not standing.may(Permission.EDIT_EXAMPLES if is_accept else needed):
        return Refused("the asker lost the role", "approval-asker-lost")
    try:
        # A savepoint: what is refused halfway leaves nothing but the decision.
        ctx.db.transact(
            lambda: act(ctx, standing, approval.arguments, f"approval:{approval.number}")
        )
    except MerlinError as error:
        return error
    return None


def _view(ctx: Context, actor: Actor, approval: Approval) -> ApprovalView:
    is_own = not actor.is_operator and approval.asked_by == actor.user_id
    return ApprovalView(approval=approval, text=_text(ctx, approval), is_own=is_own)


def _text(ctx: Context, approval: Approval) -> str:
    if approval.act != "broadcast":
        return ""
    arguments = approval.arguments
    rows = broadcasts.Broadcasts(ctx.db, arguments["bot_id"], ctx.config.language, ctx.clock)
    found = rows.get(arguments["broadcast_id"])
    return found.text if found else ""


def _may(actor: Actor, approval: Approval) -> bool:
    _, permission = _ACTS[approval.act]
    return actor.may(permission)


_Perform = Callable[[Context, Actor, Mapping[str, Any], str], object]


def _refund(ctx: Context, actor: Actor, arguments: Mapping[str, Any], once: str) -> None:
    payments.request_refund(ctx, actor, **arguments, once=once)


def _grant(ctx: Context, actor: Actor, values: Mapping[str, Any], _once: str) -> None:
    users.grant_role(ctx, actor, values["user_id"], Role(values["role"]), values["scope"])


def _revoke(ctx: Context, actor: Actor, arguments: Mapping[str, Any], _once: str) -> None:
    users.revoke_role(ctx, actor, **arguments)


def _serve(ctx: Context, actor: Actor, values: Mapping[str, Any], once: str) -> None:
    kind = RequestKind(values["kind"])
    models.submit(ctx, actor, kind, values["dataset"], values["arguments"], once)


def _broadcast(ctx: Context, actor: Actor, arguments: Mapping[str, Any], _once: str) -> None:
    broadcasts.start(ctx, actor, **arguments)


# By its name: what performs an act, and the permission of who may approve it. Changed answers are
# accepted by editors, and approved by those who let models serve.
_ACTS: Mapping[str, tuple[_Perform, Permission]] = {
    "refund": (_refund, Permission.REFUNDS),
    "grant": (_grant, Permission.USERS),
    "revoke": (_revoke, Permission.USERS),
    RequestKind.PROMOTE.value: (_serve, Permission.PROMOTE),
    RequestKind.ACCEPT.value: (_serve, Permission.PROMOTE),
    RequestKind.ROLLBACK.value: (_serve, Permission.PROMOTE),
    "broadcast": (_broadcast, Permission.BROADCAST),
}
