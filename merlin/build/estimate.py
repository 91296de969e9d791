"""How much a job will train, told before it starts.

Source: openai-cookbook, "Data preparation and analysis for chat model fine-tuning".
"""

from __future__ import annotations

from merlin.dataset.spec import Hyperparameter

_EPOCHS = 3
_FEWEST_SHOWN, _MOST_SHOWN = 100, 25_000
_MOST_EPOCHS = 25


def epochs(examples: int, n_epochs: Hyperparameter = "auto") -> int:
    """Return how often each of `examples` (at least 1) will be shown.

    With "auto": 3 times, but so that all showings together lie in 100..25,000 where 1..25
    epochs allow that.
    """
    if isinstance(n_epochs, int):
        return n_epochs
    if examples * _EPOCHS < _FEWEST_SHOWN:
        return min(_MOST_EPOCHS, _FEWEST_SHOWN // examples)
    if examples * _EPOCHS > _MOST_SHOWN:
        return max(1, _MOST_SHOWN // examples)
    return _EPOCHS


def training_tokens(tokens: int, examples: int, n_epochs: Hyperparameter = "auto") -> int:
    """Return how many tokens a job on `examples` with `tokens` in all will be billed for."""
    return tokens * epochs(examples, n_epochs)
