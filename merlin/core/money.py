"""What providers charge: integer millionths of a currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass

MICRO = 1_000_000


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


def shown(micro: int, currency: str) -> str:
    """Return an amount for a person: "0.0123 USD"; four decimals, no trailing noise."""
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest // 100:04d} {currency}"
