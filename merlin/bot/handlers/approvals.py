"""Dangerous acts that wait for a second admin: listed, approved, declined.

Each is also told by a notice with the two buttons.
"""

from __future__ import annotations

from merlin.app import approvals
from merlin.app.approvals import ApprovalView
from merlin.bot import menu
from merlin.bot.context import BotContext
from merlin.bot.handlers import admin
from merlin.bot.handlers.admin import performer, when
from merlin.bot.menu import View
from merlin.bot.registry import Handlers
from merlin.bot.rendering import named
from merlin.core.formatted_text import Button
from merlin.core.i18n import stored_text, text
from merlin.core.permissions import Permission
from merlin.db.audit import person_reference
from merlin.db.notices import Notice

handlers = Handlers()
_MOST = 10
_LIST = "a-waits"


@handlers.button(_LIST, needs=Permission.WATCH)
def show_waiting(context: BotContext) -> View:
    """Show what waits; what others asked for has the two buttons."""
    found = approvals.list_waiting(*performer(context))[:_MOST]
    lines = [f"{each.number}. {_line(context, each)}" for each in found]
    rows = [_buttons(context, each) for each in found]
    message = context.translate("approval-lead" if found else "approval-nothing")
    title = context.translate("approval-title")
    return menu.card(context, title, message, *lines, rows=(*rows, admin.HOME))


def _line(context: BotContext, each: ApprovalView) -> str:
    found = each.approval
    arguments = {
        "what": stored_text(context.language, f"approval-act-{found.act}", found.told),
        "subject": named(context.services, found.subject, context.language),
        "by": named(context.services, person_reference(found.asked_by), context.language),
        "until": when(context, found.expires_at),
    }
    line = context.translate("approval-line-own" if each.is_own else "approval-line", **arguments)
    return f"{line}\n\n{each.text}" if each.text else line


def _buttons(context: BotContext, each: ApprovalView) -> tuple[Button, ...]:
    if each.is_own:
        label = f"{each.number}. {context.translate('approval-withdraw')}"
        return (Button(label, f"a-decline:{each.number}"),)
    return decision_row(each.number, context.language, is_named=True)


def decision_row(
    number: int, language: str, *more: str, is_named: bool = False
) -> tuple[Button, ...]:
    """Return the two buttons that decide; `more` is put behind their data."""
    sign = f"{number}. " if is_named else ""
    return tuple(
        Button(
            sign + text(language, f"approval-{verb}"), ":".join([f"a-{verb}", str(number), *more])
        )
        for verb in ("approve", "decline")
    )


def decisions_of(notice: Notice, language: str, *more: str) -> tuple[Button, ...]:
    """Return the buttons that decide what a notice asks for, none for another notice."""
    number = notice.arguments.get("approval")
    return decision_row(number, language, *more) if isinstance(number, int) else ()


@handlers.button("a-approve", needs=Permission.USERS, twice=True)
def approve(context: BotContext) -> View:
    """Approve what another admin asked for, and perform it."""
    number = context.number()
    if not menu.is_sure(context):
        waiting = approvals.get_waiting(*performer(context), number)
        message = f"{_line(context, waiting)}\n\n{context.translate('approval-ask-approve')}"
        return menu.confirm(context, message, "approval-approve-yes", _LIST, number)
    done = approvals.approve(*performer(context), number)
    if done.reason is None:
        return _said(context, "approval-said-approved")
    reason = context.translate(done.reason.key, **done.reason.arguments)
    return _said(context, "approval-said-failed", reason=reason)


@handlers.button("a-decline", needs=Permission.WATCH)
def decline(context: BotContext) -> View:
    """Decline what another admin asked for, or take one's own back."""
    done = approvals.decline(*performer(context), context.number())
    return _said(context, "approval-said-withdrawn" if done.is_own else "approval-said-declined")


def _said(context: BotContext, key: str, **arguments: object) -> View:
    rows: menu.Rows = (("approval-title", _LIST), admin.HOME)
    message = context.translate(key, **arguments)
    return menu.card(context, context.translate("approval-title"), message, rows=rows)
