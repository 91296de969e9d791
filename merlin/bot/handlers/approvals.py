"""Dangerous actions that wait for a second admin: list, approve, decline.

Admins also get a notice with the two buttons for each of them.
"""

from merlin.app import approvals
from merlin.app.approvals import ApprovalView
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import format_time
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import reference_name
from merlin.core.formatted_text import Button
from merlin.core.i18n import render_stored_text, text
from merlin.core.permissions import Permission
from merlin.db.audit import person_reference

handlers = Handlers(Permission.WATCH)
_MAX_SHOWN = 10
_LIST = "a-waits"


@handlers.button(_LIST)
def show_waiting(context: BotContext) -> View:
    """List the pending approvals; those requested by others have the two buttons."""
    pending = approvals.list_waiting(*context.caller)[:_MAX_SHOWN]
    lines = [f"{item.number}. {_line(context, item)}" for item in pending]
    rows = [_buttons(context, item) for item in pending]
    message = context.translate("page-approvals-lead" if pending else "approval-nothing")
    title = context.translate("approval-title")
    return menu.card(context, title, message, *lines, rows=(*rows, admin.HOME))


def _line(context: BotContext, view: ApprovalView) -> str:
    approval = view.approval
    arguments = {
        "what": render_stored_text(
            context.language, f"approval-act-{approval.act}", approval.text_arguments
        ),
        "subject": reference_name(context.services, approval.subject, context.language),
        "by": reference_name(
            context.services, person_reference(approval.asked_by), context.language
        ),
        "until": format_time(context, approval.expires_at),
    }
    line = context.translate("approval-line-own" if view.is_own else "approval-line", **arguments)
    return f"{line}\n\n{view.text}" if view.text else line


def _buttons(context: BotContext, view: ApprovalView) -> tuple[Button, ...]:
    if view.is_own:
        label = f"{view.number}. {context.translate('page-approvals-withdraw')}"
        return (Button(label, f"a-decline:{view.number}"),)
    return decision_row(view.number, context.language, is_named=True)


def decision_row(
    number: int, language: str, *more: str, is_named: bool = False
) -> tuple[Button, ...]:
    """Return the approve and decline buttons; `more` is appended to their callback data."""
    sign = f"{number}. " if is_named else ""
    return tuple(
        Button(
            sign + text(language, f"approval-{verb}"), ":".join([f"a-{verb}", str(number), *more])
        )
        for verb in ("approve", "decline")
    )


@handlers.button("a-approve", needs=Permission.USERS, twice=True)
def approve(context: BotContext) -> View:
    """Approve an action requested by another admin and perform it."""
    number = context.number()
    if not menu.is_confirmed(context):
        waiting = approvals.get_waiting(*context.caller, number)
        message = f"{_line(context, waiting)}\n\n{context.translate('page-approvals-sure')}"
        return menu.confirm(context, message, "approval-approve-yes", _LIST, number)
    result = approvals.approve(*context.caller, number)
    if result.reason is None:
        return _result_view(context, "approval-result-approved")
    reason = context.translate(result.reason.key, **result.reason.arguments)
    return _result_view(context, "approval-result-failed", reason=reason)


@handlers.button("a-decline")
def decline(context: BotContext) -> View:
    """Decline an action requested by another admin, or withdraw one's own."""
    result = approvals.decline(*context.caller, context.number())
    return _result_view(
        context, "approval-result-withdrawn" if result.is_own else "approval-result-declined"
    )


def _result_view(context: BotContext, key: str, **arguments: object) -> View:
    rows: menu.Rows = (("approval-title", _LIST), admin.HOME)
    message = context.translate(key, **arguments)
    return menu.card(context, context.translate("approval-title"), message, rows=rows)
