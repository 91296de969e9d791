"""What providers charge: integer millionths of a currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass

from merlin.core.number import number

MICRO = 1_000_000
_CENT = MICRO // 100
_SIGNS = {"USD": "$", "RUB": "₽", "EUR": "€"}
_NBSP = "\u00a0"


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost: millionths of a currency."""

    micro: int
    currency: str


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of one model in millionths of `currency` per million tokens."""

    currency: str
    input_micro: int
    cached_input_micro: int
    output_micro: int
    training_micro: int

    def training(self, tokens: int) -> int:
        """Return what training on `tokens` tokens costs, in millionths, rounded up."""
        return -(-tokens * self.training_micro // MICRO)

    def answer(self, input_tokens: int, output_tokens: int) -> int:
        """Return what one answer costs, in millionths, rounded up."""
        total = input_tokens * self.input_micro + output_tokens * self.output_micro
        return -(-total // MICRO)


def told(language: str, micro: int, currency: str) -> str:
    """Return an amount of millionths: "0,79 $"; less than a cent is told to four digits."""
    digits = 4 if 0 < abs(micro) < _CENT else 2
    amount, sign = number(language, micro / MICRO, digits), _SIGNS.get(currency, currency)
    if language == "en" and len(sign) == 1:
        return f"{sign}{amount}"
    return f"{amount}{_NBSP}{sign}"


def shown(micro: int, currency: str) -> str:
    """Return an amount where the reader's language is not known: "1.23 USD", "0.0012 USD"."""
    digits = 4 if 0 < abs(micro) < _CENT else 2
    return f"{micro / MICRO:.{digits}f} {currency}"
