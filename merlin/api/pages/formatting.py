"""How pages write values for one person: in their language and zone; states, differences, lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import Match, SequenceMatcher
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from merlin.api.schema import Page
from merlin.app.models import Scores
from merlin.billing.purchases import Promise, Purchase, PurchaseState
from merlin.billing.quota import Format, plan_named
from merlin.core import i18n
from merlin.core.clock import in_zone
from merlin.core.i18n import format_number, keys, text
from merlin.core.money import Amount, Currency, format_cost, format_estimate, format_price
from merlin.core.permissions import Permission
from merlin.core.web.templates import BAD, JOB, OK, PLAIN, RUN, WAIT, Badge, Look

if TYPE_CHECKING:
    from merlin.api.pages.page import PageRequest

_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def when(visit: PageRequest, at: datetime | str | None) -> str:
    """Return a moment in the person's zone, "20 ноя, 13:12", "–" for none."""
    if at is None:
        return "–"
    moment_at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return i18n.format_moment_briefly(moment_at.astimezone(UTC), visit.zone, visit.language)


def day(visit: PageRequest, at: date) -> str:
    """Return a day: "20 ноя"."""
    return i18n.format_day_briefly(at, visit.language)


def day_of_year(visit: PageRequest, at: date) -> str:
    """Return a day with its year: "20 ноя 2026"."""
    return f"{day(visit, at)} {at.year}"


def until(visit: PageRequest, at: datetime) -> str:
    """Return the day of a moment in the person's own zone, with its year."""
    return day_of_year(visit, in_zone(at, visit.zone))


def last_day(visit: PageRequest, end: datetime) -> str:
    """Return the last day before an end, with its year."""
    return until(visit, end - timedelta(seconds=1))


def span(visit: PageRequest, length: timedelta) -> str:
    """Return how long something lasts, in its largest unit: "4 мин"."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= unit:
            return text(visit.language, f"health-{name}", count=seconds // unit)
    return text(visit.language, "health-seconds", count=seconds)


def number(visit: PageRequest, value: float, digits: int = 0) -> str:
    """Return a number by thousands, with so many digits after the point."""
    return format_number(visit.language, value, digits)


def signed(visit: PageRequest, value: float) -> str:
    """Return a whole number with its sign."""
    return i18n.format_signed(visit.language, value)


def money(visit: PageRequest, micro: int, currency: str) -> str:
    """Return an amount of millionths: "0,79 $"; less than a cent is told to four digits."""
    return format_cost(visit.language, micro, currency)


def price(visit: PageRequest, micro: int, currency: str) -> str:
    """Return what something costs, in millionths: "0,79 $", "бесплатно"."""
    return format_price(visit.language, micro, currency)


def estimate(visit: PageRequest, micro: int, currency: str) -> str:
    """Return about what something will cost: "около 0,79 $", "меньше 0,01 $", "бесплатно"."""
    return format_estimate(visit.language, micro, currency)


def state_text(visit: PageRequest, family: str, name: str) -> str:
    """Return the word of a stored value: `word-held`; one without a text stays as it is."""
    key = f"{family}-{name}"
    return text(visit.language, key) if key in keys(visit.language) else name


_LOOKS: Mapping[str, Mapping[str, Look]] = {
    "job": JOB,
    "word": {
        "held": WAIT,
        "built": ("run", "build"),
        "training": RUN,
        "testing": RUN,
        "gated": ("warn", "gate"),
        "canary": RUN,
        "serving": OK,
        "failed": BAD,
        "rejected": BAD,
    },
    "model": {
        "new": WAIT,
        "good": ("", "check"),
        "serves": ("ok", "serve"),
        "held": ("warn", "warn"),
        "canary": RUN,
        "refused": BAD,
        "gone": ("", "close"),
        "revoked": BAD,
    },
    "page-change": {
        "waiting": WAIT,
        "working": RUN,
        "committed": OK,
        "conflict": ("bad", "warn"),
        "parked": ("bad", "warn"),
        "refused": BAD,
    },
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
    "page-return": {
        "wanted": WAIT,
        "sending": RUN,
        "done": ("ok", "undo"),
        "refused": BAD,
    },
    "page-asked": {"waiting": WAIT, "working": RUN, "done": OK, "failed": BAD},
}


def badge(visit: PageRequest, family: str, state: str) -> Badge:
    """Return a state of a family: job, word (of a verdict), model, page-<what>."""
    style, icon = _LOOKS[family].get(state, PLAIN)
    return Badge(style, icon, state_text(visit, family, state))


def score(visit: PageRequest, scores: Scores | None) -> str:
    """Return how a model did at its test questions, "–" where it was not asked any."""
    if scores is None or scores.chrf is None:
        return "–"
    return visit.say("score-of", score=number(visit, scores.chrf, 1))


# What nobody has paid yet.
WAITS = (PurchaseState.CREATED, PurchaseState.ASKING, PurchaseState.PENDING)


def order_state(visit: PageRequest, purchase: Purchase) -> PurchaseState:
    """Return where an order stands; one that is too old to be paid is told as expired."""
    is_late = purchase.state in WAITS and not purchase.may_be_paid(visit.services.clock())
    return PurchaseState.EXPIRED if is_late else purchase.state


def order_badge(visit: PageRequest, purchase: Purchase) -> Badge:
    """Return an order's state as a badge."""
    return badge(visit, "page-order", order_state(visit, purchase).value)


def goods(visit: PageRequest, promise: Promise) -> str:
    """Return what is bought in one line: "«Плюс» на 30 дней", "«20 голосовых»"."""
    title = promise.titled(visit.language)
    if promise.days is None:
        return visit.say("goods", title=title)
    return visit.say("goods-for", title=title, days=visit.say("days", count=promise.days))


def plan_title(visit: PageRequest, name: str, otherwise: str = "") -> str:
    """Return what a plan is called; one that is not there any more, otherwise."""
    plan = plan_named(visit.services.plans, name)
    return plan.titled(visit.language) if plan else otherwise


def amount_of(visit: PageRequest, kind: Format, amount: int) -> str:
    """Return so many questions of a format: "20 голосовых"."""
    return visit.say(f"brings-{kind.value}", count=amount, said=number(visit, amount))


def stored_text(visit: PageRequest, key: str, arguments: Mapping[str, Any]) -> str:
    """Return a stored text; what has no words stays its key."""
    return i18n.stored_text(visit.language, key, arguments)


def sum_of(visit: PageRequest, amount: Amount) -> str:
    """Return a sum of money; one below nothing has its sign in front."""
    absolute = Amount(abs(amount.minor), amount.currency).format(visit.language)
    return f"−{absolute}" if amount.minor < 0 else absolute


def minor(visit: PageRequest, amount: int, currency: Currency) -> str:
    """Return kopecks or Stars as a sum of money."""
    return Amount(amount, currency).format(visit.language)


def may(visit: PageRequest, permission: str, dataset: str | None = None) -> bool:
    """Return whether the person has a right, for a dataset where one is named."""
    return visit.may(Permission(permission), dataset)


_DRAWN: tuple[Callable[..., object], ...] = (
    *(when, day, day_of_year, until, last_day, span, number, signed, money, price, minor, sum_of),
    *(estimate, badge, order_badge, state_text, stored_text, score, goods, plan_title),
    *(amount_of, may),
)


def formatters(visit: PageRequest) -> Mapping[str, Callable[..., object]]:
    """Return what templates write raw values by, as `fmt`: in the person's language and zone."""
    return {each.__name__: partial(each, visit) for each in _DRAWN}


def next_href(page: Page) -> str:
    """Return this page's address with the cursor of the next part, "" without one."""
    if not page.following:
        return ""
    kept = [
        (name, value)
        for name, value in page.request.query_params.multi_items()
        if name not in {"cursor", "asked", "launch"}
    ]
    return f"{page.request.scope['path']}?{urlencode([*kept, ('cursor', page.following)])}"


_STYLES = {"+": ("add", "+"), "-": ("del", "−"), "@": ("at", "")}
_HEADERS = ("--- ", "+++ ")
# More of one file nobody reads on a page; git has it all.
MAX_LINES = 600
# In longer texts nothing is marked: comparing them would hold up everybody else.
MAX_COMPARED = 2000


def diff_lines(difference: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield the lines of a unified difference without its headers; none for None.

    A style, a sign that says to who cannot see colours what it is, and the words.
    """
    for place, line in enumerate((difference or "").splitlines()):
        if place < len(_HEADERS) and line.startswith(_HEADERS):
            continue
        if place > MAX_LINES:
            yield "at", "", "…"
            return
        yield (*_STYLES.get(line[:1], ("", "")), line)


# The lines of a text with their ends, and whether the other text has not got it.
Lines = list[tuple[str, bool]]


def compare_lines(yours: str | None, theirs: str | None) -> tuple[Lines, Lines]:
    """Return the lines of two texts of one thing."""
    mine, others = ((text or "").splitlines(keepends=True) for text in (yours, theirs))
    if (longest := max(len(mine), len(others))) > MAX_COMPARED:
        blocks = [Match(0, 0, longest)]
    else:
        blocks = SequenceMatcher(None, mine, others).get_matching_blocks()
    return (
        _marked(mine, ((block.a, block.size) for block in blocks)),
        _marked(others, ((block.b, block.size) for block in blocks)),
    )


def _marked(lines: Sequence[str], alike: Iterable[tuple[int, int]]) -> Lines:
    """Return the lines; `alike` are begin and length of those that both texts have."""
    known = {place for begin, size in alike for place in range(begin, begin + size)}
    return [(line, place not in known) for place, line in enumerate(lines)]
