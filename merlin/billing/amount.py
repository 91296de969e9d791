"""Amount: what people pay, in whole kopecks or whole Stars; never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

_KOPECKS = 100
# No shop sells for more, and every database holds it.
MOST_MINOR = 10**12


class Currency(StrEnum):
    """What people pay in; the values are what is stored and what tills say."""

    RUB = "RUB"
    XTR = "XTR"


@dataclass(frozen=True, slots=True)
class Amount:
    """So many kopecks, or so many Stars."""

    minor: int
    currency: Currency

    @property
    def decimal(self) -> str:
        """Return the number as YooKassa writes it: "299.00"; Stars have no fraction."""
        if self.currency is Currency.XTR:
            return str(self.minor)
        whole, kopecks = divmod(self.minor, _KOPECKS)
        return f"{whole}.{kopecks:02d}"

    def told(self, language: str) -> str:
        """Return it for a person: "299 ₽", "1 299,90 ₽" (ru), "₽1,299.90" (en), "200 ⭐"."""
        if self.currency is Currency.XTR:
            return f"{self.minor} ⭐"
        whole, kopecks = divmod(self.minor, _KOPECKS)
        if language == "ru":
            thousands = f"{whole:,}".replace(",", "\N{NO-BREAK SPACE}")
            rest = f",{kopecks:02d}" if kopecks else ""
            return f"{thousands}{rest}\N{NO-BREAK SPACE}₽"
        rest = f".{kopecks:02d}" if kopecks else ""
        return f"₽{whole:,}{rest}"


def roubles(said: float | str) -> Amount:
    """Return roubles as kopecks: "299.90", 299.9 and 299 are exact.

    Raises ValueError for what is no number, is not finite, has parts of a kopeck, or is more than
    anybody means.
    """
    try:
        kopecks = Decimal(str(said)) * _KOPECKS
    except InvalidOperation:
        raise ValueError(f"{said!r} is no amount") from None
    if not kopecks.is_finite() or kopecks != kopecks.to_integral_value():
        raise ValueError(f"{said!r} is no whole number of kopecks")
    if not 0 <= kopecks <= MOST_MINOR:
        raise ValueError(f"{said!r} is out of range")
    return Amount(int(kopecks), Currency.RUB)


def stars(count: int) -> Amount:
    """Return so many Stars."""
    return Amount(count, Currency.XTR)
