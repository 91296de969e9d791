"""Whether a build may be launched now: policy, cost caps, sunsets. Pure functions.

Of a dataset's waiting verdicts only the newest counts; the older ones are superseded. `[train]`
in the commit message requests a launch at once, `[skip train]` none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from merlin.config.engine import RECALL
from merlin.config.settings import BudgetConfig
from merlin.core.clock import is_waiting
from merlin.core.messages import Usage
from merlin.core.money import Price, cost_argument
from merlin.dataset.builds import Build
from merlin.dataset.spec import DPO, KTO, Hyperparameter, LaunchRule, Recipe
from merlin.dataset.verdicts import Verdict, VerdictStatus

MAX_QUIET_TIME = timedelta(minutes=15)
MIN_LIFETIME_DAYS = 30


class NextStep(StrEnum):
    """What to do with a waiting verdict."""

    LAUNCH = "launch"
    HOLD = "hold"  # until a person acts or a later commit changes it
    WAIT = "wait"  # ends without intervention


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision, and why not at once: a Fluent key with arguments."""

    step: NextStep
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


def decide(
    rule: LaunchRule,
    waiting: Sequence[Verdict],
    *,
    now: datetime,
    new_examples: int,
    slots_free: int,
    refusal: Decision | None = None,
    quiet_s: float | None = None,
) -> Decision:
    """Return what to do with the newest of `waiting` (one dataset's, oldest first).

    `new_examples`: examples not in the newest launched build; `refusal`: a hold found by budget or
    sunset, or None; `slots_free`: how many more jobs the provider accepts; `quiet_s`: seconds
    without commits instead of the rule's.
    """
    newest = waiting[-1]
    is_requested = "[train]" in newest.message
    if refusal is not None:
        return refusal
    if not is_requested and (hold := _hold(rule, newest, new_examples)) is not None:
        return hold
    quiet = timedelta(seconds=rule.quiet_s if quiet_s is None else quiet_s)
    # A burst of commits delays the launch by at most fifteen minutes.
    begun = next(
        each for each in waiting if each.status is VerdictStatus.BUILT or each is newest
    )
    until = min(newest.seen_at + quiet, begun.seen_at + MAX_QUIET_TIME)
    if is_waiting(until, now, quiet) and not is_requested:
        return Decision(
            NextStep.WAIT, "held-quiet", {"seconds": int(quiet.total_seconds())}
        )
    if slots_free < 1:
        return Decision(NextStep.WAIT, "held-slots")
    return Decision(NextStep.LAUNCH)


def _hold(rule: LaunchRule, newest: Verdict, new_examples: int) -> Decision | None:
    if "[skip train]" in newest.message:
        return Decision(NextStep.HOLD, "held-skip")
    if rule.mode != "auto":
        return Decision(NextStep.HOLD, f"held-{rule.mode}")
    # One means any change: a deleted example or another recipe counts, too.
    if rule.min_new > 1 and new_examples < rule.min_new:
        return Decision(
            NextStep.HOLD, "held-few-new", {"new": new_examples, "needed": rule.min_new}
        )
    return None


# Source: openai-cookbook, "Data preparation and analysis for chat model fine-tuning".
_EPOCHS = 3
_MIN_SHOWN = 100
_MAX_SHOWN = 25_000
_MAX_EPOCHS = 25


def count_epochs(examples: int, hyperparameters: Mapping[str, Hyperparameter]) -> int:
    """Return the number of epochs for `examples` (at least 1).

    Without `n_epochs`, or with "auto": 3, adjusted so that the total number of training examples
    is in 100..25,000 where 1..25 epochs allow that.
    """
    n_epochs = hyperparameters.get("n_epochs")
    if isinstance(n_epochs, int):
        return n_epochs
    if examples * _EPOCHS < _MIN_SHOWN:
        return min(_MAX_EPOCHS, _MIN_SHOWN // examples)
    if examples * _EPOCHS > _MAX_SHOWN:
        return max(1, _MAX_SHOWN // examples)
    return _EPOCHS


# Trained questions by which it is proved that a model is not its base.
MAX_COMPARED = 8


def estimate(
    price: Price, build: Build, hyperparameters: Mapping[str, Hyperparameter]
) -> int:
    """Return the possible cost of training on a build and evaluating its model, in millionths.

    Each question is paid once; answers may be longer than the references, so all tokens count as
    both.
    """
    trained = build.train_tokens * count_epochs(build.train, hyperparameters)
    # Trained questions that the model and its base are asked (`prove.find_applied_proof`).
    compared = 2 * MAX_COMPARED * build.train_tokens // build.train
    asked = build.test_tokens + compared
    return price.training(trained) + price.answer(Usage(asked, asked))


def find_budget_refusal(
    caps: BudgetConfig, price_micro: int | None, spent_micro: int, currency: str
) -> Decision | None:
    """Return a hold if one of the caps would be exceeded, else None.

    An unknown price (None) cannot be compared with a limit, so any limit holds it.
    """
    if price_micro is None:
        has_cap = caps.per_job_micro is not None or caps.per_month_micro is not None
        return Decision(NextStep.HOLD, "held-no-price") if has_cap else None
    job = caps.per_job_micro
    month = caps.per_month_micro
    if job is not None and price_micro > job:
        key = "held-job-cap"
        amounts = {"price": price_micro, "cap": job}
    elif month is not None and price_micro + spent_micro > month:
        key = "held-month-cap"
        amounts = {"price": price_micro, "spent": spent_micro, "cap": month}
    else:
        return None
    values = {name: cost_argument(micro, currency) for name, micro in amounts.items()}
    return Decision(NextStep.HOLD, key, values)


def refuse_expiring_base(
    base_model: str, sunset: date | None, today: date
) -> Decision | None:
    """Return a hold if a model tuned today would be shut down within thirty days, else None."""
    if sunset is None or (sunset - today).days >= MIN_LIFETIME_DAYS:
        return None
    days = (sunset - today).days
    values = {"model": base_model, "date": sunset.isoformat(), "days": days}
    return Decision(NextStep.HOLD, "held-sunset" if days > 0 else "held-dark", values)


def refuse_recipe(recipe: Recipe) -> Decision | None:
    """Return a hold for a recipe that every provider would refuse, else None."""
    if recipe.method == DPO and recipe.base_model == RECALL:
        return Decision(NextStep.HOLD, "held-no-pairs", {"model": recipe.base_model})
    if recipe.method == KTO and not recipe.is_own_language_model:
        return Decision(NextStep.HOLD, "held-no-ratings", {"model": recipe.base_model})
    if recipe.method not in (DPO, KTO) and "beta" in recipe.hyperparameters:
        return Decision(NextStep.HOLD, "held-beta", {"method": recipe.method})
    if "exact_first" in recipe.hyperparameters and not recipe.is_own_language_model:
        values = {"provider": recipe.provider, "model": recipe.base_model}
        return Decision(NextStep.HOLD, "held-exact-first", values)
    return None


def month_start(now: datetime) -> datetime:
    """Return the start of `now`'s month, UTC."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


WARN_DAYS = (90, 30, 14, 7, 1)


def reached_warning(sunset: date, today: date) -> int | None:
    """Return the reached step of WARN_DAYS whose successor is not reached, else None."""
    left = (sunset - today).days
    reached = [days for days in WARN_DAYS if left <= days]
    return min(reached) if reached else None
