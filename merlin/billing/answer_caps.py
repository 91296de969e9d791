"""What answers of general models may cost a day and a month."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerCaps:
    """Caps in millionths of the provider's currency; None: no cap."""

    per_day_micro: int | None = None
    per_person_micro: int | None = None

    @property
    def is_set(self) -> bool:
        """Return whether anything is capped; where nothing is, nothing is added up."""
        return self.per_day_micro is not None or self.per_person_micro is not None
