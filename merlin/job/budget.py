"""What a launch may cost, and whether the caps allow it; checked before any call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from merlin.build.estimate import training_tokens
from merlin.build.record import Build
from merlin.core.money import Price, shown
from merlin.dataset.spec import Hyperparameter
from merlin.job.policy import Decision, Step


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps in millionths of the provider's currency; None: no cap."""

    per_job_micro: int | None = None
    per_month_micro: int | None = None


def estimate(price: Price, build: Build, hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return what training on a build, and proving its model, may cost, in millionths."""
    n_epochs = hyperparameters.get("n_epochs", "auto")
    trained = training_tokens(build.train_tokens, build.train, n_epochs)
    return price.training(trained) + proving(price, build.test_tokens)


def proving(price: Price, test_tokens: int) -> int:
    """Return what asking test questions of so many tokens with their answers may cost.

    Each is paid once; answers may be longer than the taught ones, so the whole counts as both.
    """
    return price.answer(test_tokens, test_tokens)


def refusal(
    caps: Caps, price_micro: int | None, spent_micro: int, currency: str
) -> Decision | None:
    """Return a hold when one of the caps would be passed, else None.

    A price that nobody knows (None) cannot be held against a cap, so any cap holds it.
    """
    if price_micro is None:
        has_cap = caps.per_job_micro is not None or caps.per_month_micro is not None
        return Decision(Step.HOLD, "held-no-price") if has_cap else None
    if caps.per_job_micro is not None and price_micro > caps.per_job_micro:
        told = {"price": shown(price_micro, currency), "cap": shown(caps.per_job_micro, currency)}
        return Decision(Step.HOLD, "held-job-cap", told)
    month = caps.per_month_micro
    if month is not None and price_micro + spent_micro > month:
        told = {
            "price": shown(price_micro, currency),
            "spent": shown(spent_micro, currency),
            "cap": shown(month, currency),
        }
        return Decision(Step.HOLD, "held-month-cap", told)
    return None


def month_start(now: datetime) -> datetime:
    """Return the first moment of `now`'s month, UTC."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
