"""How the provider's stand-in behaves where providers differ from each other and from good.

Faults of single calls (drops, 429, 5xx, lag) are `merlin.sandbox.faults`; here is what shapes
right answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

DEFAULT_STATES = ("validating_files", "queued", "running")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How chats are paced and how jobs run.

    `states` are the raw words of a job, one a poll, before it ends; so it ends at poll number
    `len(states)` (0: at the first). A word no client knows is allowed. `ending` is succeeded,
    failed or cancelled. After success the model is null for `null_model_polls` more polls.
    `list_lag_s`: a job is missing from lists for so long after it was made.
    `think_s` passes before an answer's first word, `piece_s` between its words; a change of either
    holds for answers under way too.
    `fixed_answer`, when set, is every answer, word for word; `fixed_transcript` is what is heard
    in every recording.
    """

    states: tuple[str, ...] = DEFAULT_STATES
    ending: str = "succeeded"
    null_model_polls: int = 0
    list_lag_s: float = 0.0
    ignores_metadata_filter: bool = False
    think_s: float = 0.0
    piece_s: float = 0.0
    context_window: int = 16_000
    fixed_answer: str = ""
    fixed_transcript: str = ""

    def changed(self, wishes: Mapping[str, object]) -> Behaviour:
        """Return the behaviour with some fields changed.

        Raises ValueError for an unknown field, TypeError for a value of another type.
        """
        unknown = set(wishes) - {one.name for one in fields(self)}
        if unknown:
            raise ValueError(f"unknown: {sorted(unknown)}")
        kept: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in wishes.items()
        }
        for name, value in kept.items():
            wanted = type(getattr(self, name))
            if not isinstance(value, (int, float) if wanted is float else wanted):
                raise TypeError(f"{name} must be {wanted.__name__}")
        return replace(self, **kept)
