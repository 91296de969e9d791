"""Which waiting verdict may be launched now; a pure decision with its reason.

Of one dataset's waiting verdicts only the newest counts; the older ones are superseded.
`[train]` in the commit message asks for a launch at once, `[skip train]` for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from merlin.build.verdict import Verdict, Word
from merlin.dataset.spec import LaunchRule

LONGEST_QUIET = timedelta(minutes=15)


class Step(StrEnum):
    """What to do with a waiting verdict."""

    LAUNCH = "launch"
    HOLD = "hold"  # until a person acts or a later commit changes it
    WAIT = "wait"  # it will pass by itself


@dataclass(frozen=True, slots=True)
class Decision:
    """The step, and why not at once: a Fluent key with arguments."""

    step: Step
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision depends on besides the verdicts.

    `new_examples`: examples not in the newest launched build; `refusal`: a hold found by
    budget or sunset, or None; `slots_free`: how many more jobs the provider may have.
    """

    now: datetime
    new_examples: int
    slots_free: int
    refusal: Decision | None = None
    quiet_s: float | None = None


def decide(rule: LaunchRule, waiting: Sequence[Verdict], situation: Situation) -> Decision:
    """Return what to do with the newest of `waiting` (one dataset's, oldest first)."""
    newest = waiting[-1]
    asked = "[train]" in newest.message
    if situation.refusal is not None:
        return situation.refusal
    if not asked and (hold := _held(rule, newest, situation)) is not None:
        return hold
    if not asked and (quiet := _quiet(rule, waiting, situation)) is not None:
        return quiet
    if situation.slots_free < 1:
        return Decision(Step.WAIT, "held-slots")
    return Decision(Step.LAUNCH)


def _held(rule: LaunchRule, newest: Verdict, situation: Situation) -> Decision | None:
    if "[skip train]" in newest.message:
        return Decision(Step.HOLD, "held-skip")
    if rule.mode != "auto":
        return Decision(Step.HOLD, f"held-{rule.mode}")
    # One means any change: an example taken away or another recipe is one, too.
    if rule.min_new > 1 and situation.new_examples < rule.min_new:
        told = {"new": situation.new_examples, "needed": rule.min_new}
        return Decision(Step.HOLD, "held-few-new", told)
    return None


def _quiet(rule: LaunchRule, waiting: Sequence[Verdict], situation: Situation) -> Decision | None:
    """Return a wait while commits still come in a burst, but never over fifteen minutes."""
    quiet = timedelta(seconds=rule.quiet_s if situation.quiet_s is None else situation.quiet_s)
    newest = waiting[-1]
    burst = [verdict for verdict in waiting if verdict.word is Word.BUILT or verdict is newest]
    calm_at = newest.seen_at + quiet
    latest = burst[0].seen_at + LONGEST_QUIET
    if situation.now >= min(calm_at, latest):
        return None
    return Decision(Step.WAIT, "held-quiet", {"seconds": int(quiet.total_seconds())})
