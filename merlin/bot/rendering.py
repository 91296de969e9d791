"""Plans, figures and audit entries as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merlin.account.users import Users
from merlin.billing.purchases import Promise
from merlin.billing.quota import Allowance, Format
from merlin.bot.services import BotServices
from merlin.core.i18n import keys, text
from merlin.core.money import Amount, Currency, roubles, stars


def named(services: BotServices, word: str, language: str) -> str:
    """Return how people read who did something, or what it was done to; in the store's work."""
    kind, _, name = word.partition(":")
    if kind == "user" and name.isdecimal():
        user = Users(services.db).get(int(name))
        if user is not None and user.shown_name:
            return f"{user.shown_name} · {name}"
    if word == "user:erased":
        return text(language, "page-erased")
    key = f"page-deed-{kind}"
    return text(language, key, name=name) if name and key in keys(language) else word


def audit_text(action: str, language: str) -> str:
    """Return what was done; an action that has no words yet stays as it is."""
    key = f"audit-{action.replace('.', '-')}"
    return text(language, key) if key in keys(language) else action


_COLUMNS = "▁▂▃▄▅▆▇█"
WIDTH = 24


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Return the values as columns between `low` and `high`, at most WIDTH of them.

    Of more values evenly spread ones are shown, the first and the last among them.
    """
    if len(values) > WIDTH:
        step = (len(values) - 1) / (WIDTH - 1)
        values = [values[round(place * step)] for place in range(WIDTH)]
    top = len(_COLUMNS) - 1
    span = high - low
    places = [round((value - low) / span * top) if span > 0 else 0 for value in values]
    return "".join(_COLUMNS[min(max(place, 0), top)] for place in places)


def pack_words(pack: Mapping[Format, int], language: str) -> str:
    """Return the questions of a pack: "20 голосовых вопросов, 5 вопросов по фотографиям"."""
    kinds = [kind for kind in Format if kind in pack]
    return ", ".join(text(language, f"pay-pack-{kind.value}", count=pack[kind]) for kind in kinds)


def brings_words(promise: Promise, language: str) -> str:
    """Return what a purchase brings, in one line: "20 голосовых вопросов на 30 дней"."""
    if not promise.pack:
        return text(language, "pay-brings-days", days=promise.days or 0)
    words = pack_words(promise.pack, language)
    if promise.days is None:
        return text(language, "pay-brings-pack", what=words)
    return text(language, "pay-brings-pack-days", what=words, days=promise.days)


def allowance_words(allowance: Allowance, language: str) -> str:
    """Return how many questions of a format a plan has: "10 в день, не больше 100 в месяц"."""
    day, month = allowance.day, allowance.month
    if allowance.is_closed:
        return text(language, "pay-allows-none")
    if day is None and month is None:
        return text(language, "pay-allows-any")
    if day is None or month is None:
        period = "day" if month is None else "month"
        return text(language, f"pay-allows-{period}", count=(day or 0) + (month or 0))
    return text(language, "pay-allows-both", day=day, month=month)


def read_amount(message: str) -> Amount | None:
    """Return the amount of a notice, "299.00 RUB" or "200 XTR"; None for anything else."""
    number, _, currency = message.partition(" ")
    try:
        if currency == Currency.XTR.value:
            return stars(int(number))
        return roubles(number) if currency == Currency.RUB.value else None
    except ValueError:
        return None
