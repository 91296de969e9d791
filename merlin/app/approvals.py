"""Approvals: dangerous acts that need a second person, who approves or declines them.

An act that `security.two_people` lists is stored instead of performed. When another person with
the permission approves it, it is performed as its asker, with the asker's permissions of then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from merlin.account.approvals import Approval, Approvals, ApprovalState
from merlin.account.users import ERASED, Users
from merlin.app import models, payments, users
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.errors import MerlinError, NotFound, Refused
from merlin.core.permissions import Permission, Role
from merlin.db.audit import Audit, person_reference
from merlin.db.database import transaction
from merlin.db.requests import RequestKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """A stored act with its state.

    `is_own`: the actor asked for it. `reason`: why an approved act could not be performed.
    """

    approval: Approval
    is_own: bool = False
    reason: MerlinError | None = None

    @property
    def number(self) -> int:
        """Return the approval's number."""
        return self.approval.number


def list_waiting(ctx: Context, actor: Actor) -> list[ApprovalView]:
    """Return what the actor may decide or has asked for, oldest first."""
    approvals = Approvals(ctx.db, ctx.clock).list_waiting()
    views = (_view(actor, approval) for approval in approvals)
    return [view for view in views if view.is_own or _may(actor, view.approval)]


def count_waiting(ctx: Context, actor: Actor) -> int:
    """Return how many approvals of others wait for the actor."""
    return sum(not view.is_own for view in list_waiting(ctx, actor))


def get_waiting(ctx: Context, actor: Actor, number: int) -> ApprovalView:
    """Return a waiting approval.

    Raises NotFound, also for an actor who may not do the act and did not ask for it; Refused for
    one that is decided or expired.
    """
    approval = Approvals(ctx.db, ctx.clock).get(number)
    view = _view(actor, approval)
    if not (view.is_own or _may(actor, approval)):
        raise NotFound(f"no approval {number}", "approval-none", number=str(number))
    if approval.state is not ApprovalState.WAITING or approval.expires_at <= ctx.clock():
        values = {"number": str(number), "state": approval.state.value}
        raise Refused("it does not wait", "approval-decided", **values)
    return view


@transaction
def approve(ctx: Context, actor: Actor, number: int) -> ApprovalView:
    """Approve and perform what another person asked for, in one transaction.

    An act that cannot be performed any more is marked failed, with the reason. Raises NotFound and
    Refused as `get_waiting`, and Refused for the actor's own.
    """
    view, approvals = get_waiting(ctx, actor, number), Approvals(ctx.db, ctx.clock)
    if view.is_own:
        raise Refused("one's own", "approval-own")
    approval = _decide(ctx, actor, number, ApprovalState.APPROVED, "approval.approve")
    reason = _perform(ctx, approval)
    if reason is None:
        approvals.notify_asker(approval, "notice-approval-approved")
        return replace(view, approval=approval)
    approvals.fail(approval, reason)
    return replace(view, approval=approvals.get(number), reason=reason)


@transaction
def decline(ctx: Context, actor: Actor, number: int) -> ApprovalView:
    """Decline an approval; the actor's own is withdrawn. Raises as `get_waiting`."""
    view = get_waiting(ctx, actor, number)
    approval = _decide(ctx, actor, number, ApprovalState.DECLINED, "approval.decline")
    if not view.is_own:
        Approvals(ctx.db, ctx.clock).notify_asker(approval, "notice-approval-declined")
    return replace(view, approval=approval)


def _decide(ctx: Context, actor: Actor, number: int, state: ApprovalState, action: str) -> Approval:
    approval = Approvals(ctx.db, ctx.clock).decide(number, state, actor.name)
    asker = person_reference(approval.asked_by)
    values = {"number": number, "act": approval.act, "asked_by": asker}
    Audit(ctx.db, ctx.clock).note(actor.name, action, approval.subject, values)
    return approval


def _perform(ctx: Context, approval: Approval) -> MerlinError | None:
    """Perform an approved act as its asker; return the error if it is refused, else None."""
    asker = approval.asked_by
    asking_actor = replace(Actor.person(asker, ctx.roles.authority(asker)), is_approved=True)
    user = Users(ctx.db, ctx.clock).get(asker)
    if user is not None and user.is_blocked:
        return Refused("the asker is blocked", "approval-asker-blocked")
    act, permission = _ACTS[approval.act]
    is_accept = approval.act == RequestKind.ACCEPT.value
    if not asking_actor.may(Permission.EDIT_EXAMPLES if is_accept else permission):
        return Refused("the asker lost the role", "approval-asker-lost")
    if approval.subject == ERASED:
        return Refused("they deleted their data", "approval-subject-erased")
    try:
        # A savepoint: an act that is refused halfway leaves only the decision.
        ctx.db.transact(lambda: act(ctx, asking_actor, approval.arguments, approval.once))
    except MerlinError as error:
        return error
    return None


def _view(actor: Actor, approval: Approval) -> ApprovalView:
    is_own = not actor.is_operator and approval.asked_by == actor.user_id
    return ApprovalView(approval=approval, is_own=is_own)


def _may(actor: Actor, approval: Approval) -> bool:
    return actor.may(_ACTS[approval.act][1])


_Act = Callable[[Context, Actor, Mapping[str, Any], str], object]


def _refund(ctx: Context, actor: Actor, arguments: Mapping[str, Any], once: str) -> None:
    payments.request_refund(ctx, actor, **arguments, once=once)


def _grant(ctx: Context, actor: Actor, values: Mapping[str, Any], _once: str) -> None:
    users.grant_role(ctx, actor, values["user_id"], Role(values["role"]), values["scope"])


def _revoke(ctx: Context, actor: Actor, arguments: Mapping[str, Any], _once: str) -> None:
    users.revoke_role(ctx, actor, **arguments)


def _serve(ctx: Context, actor: Actor, values: Mapping[str, Any], once: str) -> None:
    kind = RequestKind(values["kind"])
    models.submit(ctx, actor, kind, values["dataset"], values["arguments"], once)


# Act -> the function that performs it, and the permission to approve it. Editors accept changed
# answers; approving that takes the permission to promote.
_ACTS: Mapping[str, tuple[_Act, Permission]] = {
    "refund": (_refund, Permission.REFUNDS),
    "grant": (_grant, Permission.USERS),
    "revoke": (_revoke, Permission.USERS),
    RequestKind.PROMOTE.value: (_serve, Permission.PROMOTE),
    RequestKind.ACCEPT.value: (_serve, Permission.PROMOTE),
    RequestKind.ROLLBACK.value: (_serve, Permission.PROMOTE),
}
