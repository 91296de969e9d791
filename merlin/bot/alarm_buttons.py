"""Alarm buttons: what stands under a notice, so that whoever reads it can act at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from merlin.bot.handlers.examples.changes import solving
from merlin.bot.handlers.office.panel import ANEW, short
from merlin.core.notice import Notice
from merlin.core.page import Button
from merlin.core.text import text

Told = Mapping[str, object]


def _job(told: Told) -> tuple[str, str]:
    job = str(told.get("job", ""))
    return "admin-to-job", f"a-job:{job}:{ANEW}" if job.isdecimal() else f"a-jobs:0:{ANEW}"


def _jobs(_told: Told) -> tuple[str, str]:
    return "admin-jobs", f"a-jobs:0:{ANEW}"


def _models(told: Told) -> tuple[str, str]:
    dataset = told.get("dataset")
    if not isinstance(dataset, str):
        return "admin-models", f"a-models:{ANEW}"
    return "admin-models", f"a-set:{short(dataset)}:0:{ANEW}"


def _health(_told: Told) -> tuple[str, str]:
    return "admin-health", f"a-health:{ANEW}"


def _undo(told: Told) -> tuple[str, str]:
    return "examples-undo", f"ex:undo:{told.get('commit', '')}:{ANEW}"


def _changes(_told: Told) -> tuple[str, str]:
    return "examples-changes", f"ex:changes:0:{ANEW}"


def _change(told: Told) -> tuple[str, str]:
    return "examples-changes", f"ex:change:{told.get('change', '')}:{ANEW}"


def _proposals(_told: Told) -> tuple[str, str]:
    return "admin-examples", f"ex:queue:0:{ANEW}"


def _person(told: Told) -> tuple[str, str]:
    number = str(told.get("to", "")).removeprefix("user:")
    return "admin-users", f"a-user:{number}:{ANEW}" if number.isdecimal() else f"a-users:0:{ANEW}"


def _plan(_told: Told) -> tuple[str, str]:
    return "bot-button-plan", "plan"


def _purchase(told: Told) -> tuple[str, str]:
    return "pay-button-order-of", f"a-buy:{told.get('purchase', '')}:{ANEW}"


def _payments(_told: Told) -> tuple[str, str]:
    return "admin-payments", f"a-pay:{ANEW}"


def _buyer(told: Told) -> tuple[str, str]:
    return "pay-button-purchases", f"a-buys:{told.get('user', '')}:0:{ANEW}"


_WAYS: Mapping[str, Callable[[Told], tuple[str, str]]] = {
    "notice-failed": _job,
    "notice-late": _job,
    "notice-status": _job,
    "notice-no-provider": _job,
    "notice-forbidden": _job,
    "notice-serving": _models,
    "notice-gone": _models,
    "notice-answer-gone": _models,
    "notice-sunset": _models,
    "notice-rejected": _jobs,
    "notice-findings": _jobs,
    "notice-answer-spent": _health,
    "notice-answer-refused": _health,
    "notice-provider": _health,
    "notice-repository": _health,
    "notice-no-branch": _health,
    "notice-rewritten": _health,
    "notice-disk": _health,
    "notice-failing": _health,
    "notice-conflict": _health,
    "notice-unconfirmed": _health,
    "notice-change-waits": _health,
    "notice-deed-grant": _person,
    "notice-deed-revoke": _person,
    "notice-deed-block": _person,
    "notice-deed-unblock": _person,
    "notice-deed-promote": _models,
    "notice-deed-rollback": _models,
    "notice-deed-pin": _models,
    "notice-deed-unpin": _models,
    "notice-deed-cancel": _job,
    "notice-change-committed": _undo,
    "notice-change-refused": _changes,
    "notice-change-parked": _change,
    "notice-change-parked-of": _health,
    "notice-proposal": _proposals,
    "notice-paid": _plan,
    "notice-payment-canceled": _plan,
    "notice-refunded": _plan,
    "notice-code-taken": _plan,
    "notice-plan-gift": _plan,
    "notice-plan-ends": _plan,
    "notice-renewal-soon": _plan,
    "notice-renewal-soon-stars": _plan,
    "notice-renewal-failed": _plan,
    "notice-renewal-over": _plan,
    "notice-renewal-gone": _plan,
    "notice-paid-nobody": _purchase,
    "notice-code-taken-admins": _purchase,
    "notice-payment-wrong": _purchase,
    "notice-refund-refused": _purchase,
    "notice-stars-refused": _purchase,
    "notice-stars-unknown": _buyer,
    "notice-stars-left": _buyer,
    "notice-stars-missing": _payments,
    "notice-payment-unread": _buyer,
    "notice-sunset-assistant": _health,
    "notice-sunset-transcription": _health,
    "notice-sunset-vision": _health,
}


def act_button(notice: Notice, language: str) -> Button | None:
    """Return the button to act on a notice, None where there is nothing to do."""
    way = _WAYS.get(notice.key)
    if way is None:
        return None
    key, data = way(notice.arguments)
    return Button(text(language, key), data)


def act_buttons(notice: Notice, language: str) -> tuple[tuple[Button, ...], ...]:
    """Return the rows of buttons to act on a notice."""
    if notice.key == "notice-change-conflict":
        change_id = str(notice.arguments.get("change", ""))
        return (solving(change_id, language, ANEW),) if change_id else ()
    button = act_button(notice, language)
    return ((button,),) if button else ()
