"""Known: what the configuration tells of models: windows and prices, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merlin.chat.route import Choice
from merlin.core.message import Usage
from merlin.core.money import Cost, Price


@dataclass(frozen=True, slots=True)
class Known:
    """Windows in tokens and prices by a model's name; `own` prices are a provider's own."""

    windows: Mapping[str, int] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    own: Mapping[tuple[str, str], Price] = field(default_factory=dict)

    def price(self, provider: str, *names: str) -> Price | None:
        """Return the price of a model by the first of its names that has one."""
        for name in names:
            found = self.own.get((provider, name)) or self.prices.get(name)
            if found is not None:
                return found
        return None

    def cost(self, choice: Choice, model_id: str, usage: Usage) -> Cost | None:
        """Return what an answer cost, None where nobody knows."""
        price = self.price(choice.provider, model_id, choice.base)
        if price is None:
            return None
        micro = price.answer(usage.input_tokens, usage.output_tokens)
        return Cost(micro, price.currency)
