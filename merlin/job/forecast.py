"""Forecast: what the next training would cost if an edit were committed now.

An estimate from the newest build and what the edit adds to it, as if all of it were taught: the
build itself, made after the commit, says it exactly. Asking the test questions is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from merlin.build.estimate import training_tokens
from merlin.build.record import Build
from merlin.core.money import Price
from merlin.dataset.preview import Preview
from merlin.job.budget import proving


@dataclass(frozen=True, slots=True)
class Forecast:
    """`examples` and `tokens` of one showing of all; `billed` tokens of the whole training.

    `cost_micro` is in millionths of `currency`, None where nobody knows the base's price.
    """

    examples: int
    tokens: int
    billed: int
    cost_micro: int | None = None
    currency: str = ""


def forecast(
    build: Build | None, seen: Preview, price: Callable[[str], Price | None]
) -> Forecast | None:
    """Return the forecast; None where dataset.yaml cannot be read or nothing would be taught.

    `build` is the dataset's newest one; `price` is asked by base model.
    """
    examples = (build.train if build else 0) + seen.added
    tokens = (build.train_tokens if build else 0) + seen.added_tokens
    if seen.spec is None or examples < 1:
        return None
    recipe = seen.spec.recipe
    billed = training_tokens(tokens, examples, recipe.hyperparameters.get("n_epochs", "auto"))
    known = price(recipe.base_model)
    if known is None:
        return Forecast(examples, tokens, billed)
    cost = known.training(billed) + proving(known, build.test_tokens if build else 0)
    return Forecast(examples, tokens, billed, cost, known.currency)
