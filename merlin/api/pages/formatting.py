"""Formatting for one person, by language and time zone: values, states, differences, lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import SequenceMatcher
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from merlin.api.schema import Pagination
from merlin.app.jobs import JobView
from merlin.billing.purchases import Promise, Purchase
from merlin.billing.quota import Format, plan_named, questions_text
from merlin.billing.subscriptions import Subscription
from merlin.core import i18n
from merlin.core.clock import in_zone
from merlin.core.i18n import format_number, keys, text
from merlin.core.money import (
    format_cost,
    format_estimate,
    format_price,
    parse_amount,
)
from merlin.core.permissions import Permission
from merlin.core.web.templates import BAD, JOB, OK, PLAIN, RUN, WAIT, Badge, Look
from merlin.training.commit_state import CommitState
from merlin.training.scores import Evaluation

if TYPE_CHECKING:
    from merlin.api.pages.page import PageContext


def when(context: PageContext, at: datetime | str | None) -> str:
    """Return a time in the person's zone: "20 ноя, 13:12", of another year "20 ноя 2025, 13:12".

    "–" for none.
    """
    if at is None:
        return "–"
    moment_at = datetime.fromisoformat(at) if isinstance(at, str) else at
    now = context.services.clock()
    zone = context.zone
    return i18n.format_moment(
        moment_at.astimezone(UTC), zone, context.language, now=now, is_brief=True
    )


def day(context: PageContext, at: date) -> str:
    """Return a date: "20 ноя"."""
    return i18n.format_day_briefly(at, context.language)


def day_of_year(context: PageContext, at: date) -> str:
    """Return a date with its year: "20 ноя 2026"."""
    return f"{day(context, at)} {at.year}"


def until(context: PageContext, at: datetime) -> str:
    """Return the date of a time in the person's zone, with its year."""
    return day_of_year(context, in_zone(at, context.zone))


def number(context: PageContext, value: float, digits: int = 0) -> str:
    """Return a number with thousands separators and so many decimals."""
    return format_number(context.language, value, digits)


def state_text(context: PageContext, family: str, name: str) -> str:
    """Return the text of a stored value, `commit-state-held`; the value itself if it has none."""
    key = f"{family}-{name}"
    return text(context.language, key) if key in keys(context.language) else name


_LOOKS: Mapping[str, Mapping[str, Look]] = {
    "job": JOB,
    "commit-state": {state.value: (state.style, state.icon) for state in CommitState},
    "model": {
        "new": WAIT,
        "good": ("", "check"),
        "serves": ("ok", "serve"),
        "held": ("warn", "warn"),
        "refused": BAD,
        "gone": ("", "close"),
        "unapplied": BAD,
        "revoked": BAD,
    },
    "page-course": {"ask": ("ok", "ask"), "training": RUN, "reading": ("", "lecture")},
    "page-order": {
        "created": WAIT,
        "asking": WAIT,
        "pending": WAIT,
        "held": RUN,
        "canceled": ("", "close"),
        "expired": ("", "clock"),
        "paid": OK,
        "refunded-in-part": ("warn", "undo"),
        "refunded": ("", "undo"),
    },
    "page-refund-state": {
        "wanted": WAIT,
        "sending": RUN,
        "done": ("ok", "undo"),
        "refused": BAD,
    },
    "page-request": {"waiting": WAIT, "working": RUN, "done": OK, "failed": BAD},
}


def badge(context: PageContext, family: str, state: str) -> Badge:
    """Return the badge of a state; `family` is a key of `_LOOKS` and the start of its texts."""
    style, icon = _LOOKS[family].get(state, PLAIN)
    return Badge(style, icon, state_text(context, family, state))


def score(context: PageContext, scores: Evaluation | None) -> str:
    """Return how many test questions a model answered rightly, "–" if it was not tested."""
    if scores is None or not scores.questions:
        return "–"
    return context.say("score-of", right=scores.right, questions=scores.questions)


def took(context: PageContext, job: JobView) -> str:
    """Return how long a training took, or has been running."""
    return i18n.format_duration(context.language, job.took(context.services.clock()))


def order_badge(context: PageContext, purchase: Purchase) -> Badge:
    """Return an order's state as a badge."""
    return badge(
        context, "page-order", purchase.state_at(context.services.clock()).value
    )


def goods(context: PageContext, promise: Promise) -> str:
    """Return what is bought in one line: "«Плюс» на 30 дней", "«20 голосовых»"."""
    title = promise.title_in(context.language)
    if promise.days is None:
        return context.say("goods", title=title)
    days = context.say("days", count=promise.days)
    key = "goods-renews" if promise.renews else "goods-for"
    return context.say(key, title=title, days=days)


def renewal(context: PageContext, subscription: Subscription | None) -> str:
    """Return when a subscription renews, or until when its plan works; "" without one."""
    if subscription is None:
        return ""
    wanted = subscription.wanted
    state = f"to-{wanted.value}" if wanted else subscription.state.value
    day = until(context, subscription.ends_at)
    return context.say("renewal-state", state=state, day=day)


def plan_title(context: PageContext, name: str, otherwise: str = "") -> str:
    """Return a plan's title, `otherwise` for a plan that no longer exists."""
    plan = plan_named(context.services.plans, name)
    return plan.title_in(context.language) if plan else otherwise


def dataset_title(context: PageContext, name: str) -> str:
    """Return the title of a dataset's course, its name if it has no active one."""
    return context.courses.title(name, context.language)


def amount_of(context: PageContext, kind: Format, amount: int) -> str:
    """Return a number of questions of a format: "20 голосовых"."""
    return questions_text(kind, amount, context.language)


def stored_amount(context: PageContext, decimal: str, currency: str) -> str:
    """Return an amount of money as an audit entry keeps it: "100.50" and "RUB"."""
    return parse_amount(decimal, currency).format(context.language)


def may(context: PageContext, permission: str, dataset: str | None = None) -> bool:
    """Return whether the person has a permission, for a dataset if one is given."""
    return context.may(Permission(permission), dataset)


_OF_CONTEXT: tuple[Callable[..., object], ...] = (
    *(when, day, day_of_year, until, number, badge, order_badge, took),
    *(
        state_text,
        score,
        goods,
        renewal,
        plan_title,
        dataset_title,
        amount_of,
        stored_amount,
    ),
    may,
)
_OF_LANGUAGE: Mapping[str, Callable[..., object]] = {
    "signed": i18n.format_signed,
    "stored_text": i18n.render_stored_text,
    "money": format_cost,
    "price": format_price,
    "estimate": format_estimate,
}


def formatters(context: PageContext) -> Mapping[str, Callable[..., object]]:
    """Return the formatting functions of templates, as `fmt`."""
    of_context = {
        formatter.__name__: partial(formatter, context) for formatter in _OF_CONTEXT
    }
    of_language = {
        name: partial(format_, context.language)
        for name, format_ in _OF_LANGUAGE.items()
    }
    return {**of_context, **of_language}


def next_href(page: Pagination) -> str:
    """Return the address of the next part of the list, "" without one."""
    if not page.following:
        return ""
    parameters = [
        (name, value)
        for name, value in page.request.query_params.multi_items()
        if name not in {"cursor", "asked", "launch", "said"}
    ]
    query = urlencode([*parameters, ("cursor", page.following)])
    return f"{page.request.scope['path']}?{query}"


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A line of a file before and after: number and text, (0, "") where there is none.

    `is_changed` False: the same in both; a row without numbers stands for lines left out.
    """

    old: tuple[int, str] = (0, "")
    new: tuple[int, str] = (0, "")
    is_changed: bool = False


# Maximum number of rows shown of one file.
MAX_ROWS = 600


def diff_rows(old: str | None, new: str | None) -> list[DiffRow]:
    """Return the lines of a file that differ and those around them, old and new side by side.

    [] for equal texts; None stands for no file.
    """
    rows = list[DiffRow]()
    before = (old or "").splitlines()
    after = (new or "").splitlines()
    for hunk in SequenceMatcher(None, before, after).get_grouped_opcodes():
        rows += [DiffRow()] if rows else []
        for kind, start, end, new_start, new_end in hunk:
            left = enumerate(before[start:end], start + 1)
            right = enumerate(after[new_start:new_end], new_start + 1)
            pairs = zip_longest(left, right, fillvalue=(0, ""))
            rows += [DiffRow(*pair, is_changed=kind != "equal") for pair in pairs]
    return rows[:MAX_ROWS] + ([DiffRow()] if len(rows) > MAX_ROWS else [])
