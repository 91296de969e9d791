"""Words: what a plan or a pack brings, as people read it."""

from __future__ import annotations

from collections.abc import Mapping

from merlin.billing.amount import Amount, Currency, roubles, stars
from merlin.billing.plan import Allowance, Format
from merlin.billing.purchase import Promise
from merlin.core.text import text


def pack_words(pack: Mapping[Format, int], language: str) -> str:
    """Return the questions of a pack: "20 голосовых вопросов, 5 вопросов по фотографиям"."""
    kinds = [kind for kind in Format if kind in pack]
    return ", ".join(text(language, f"pay-pack-{kind.value}", count=pack[kind]) for kind in kinds)


def bought(promise: Promise, language: str) -> str:
    """Return what a purchase brings, in one line: "20 голосовых вопросов на 30 дней"."""
    if not promise.pack:
        return text(language, "pay-brings-days", days=promise.days or 0)
    words = pack_words(promise.pack, language)
    if promise.days is None:
        return text(language, "pay-brings-pack", what=words)
    return text(language, "pay-brings-pack-days", what=words, days=promise.days)


def allowed(allowance: Allowance, language: str) -> str:
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


def read_amount(said: str) -> Amount | None:
    """Return the amount of a notice, "299.00 RUB" or "200 XTR"; None for anything else."""
    number, _, currency = said.partition(" ")
    try:
        if currency == Currency.XTR.value:
            return stars(int(number))
        return roubles(number) if currency == Currency.RUB.value else None
    except ValueError:
        return None
