"""Plan: what may be asked, how many of which format in a day and a month, and with which models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from merlin.core.text import language_of


class Format(StrEnum):
    """In what form a question comes; the values are what is stored and what the config says."""

    TEXT = "text"
    VOICE = "voice"
    PHOTO = "photo"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many questions of one format; None is not limited, 0 is not allowed."""

    day: int | None = None
    month: int | None = None

    @property
    def is_limited(self) -> bool:
        """Return whether any number is set."""
        return self.day is not None or self.month is not None

    @property
    def is_closed(self) -> bool:
        """Return whether the plan does not have this format at all."""
        return 0 in (self.day, self.month)


FREELY = Allowance()


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the config; what it does not name is not limited.

    `title` by language. `window` is the most tokens of a session, `sessions` how many of them
    are kept. `models` are patterns of ids as in file names ("neuro*"); empty: every model.
    """

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    allowances: Mapping[Format, Allowance] = field(default_factory=dict)
    window: int | None = None
    models: tuple[str, ...] = ()
    sessions: int | None = None

    def allowance(self, kind: Format) -> Allowance:
        """Return how many questions of this format the plan has."""
        return self.allowances.get(kind, FREELY)

    def allows_model(self, model_id: str) -> bool:
        """Return whether the plan lets this model answer."""
        patterns = self.models
        return not patterns or any(fnmatchcase(model_id, pattern) for pattern in patterns)

    def titled(self, language: str) -> str:
        """Return the plan's title in a language, its name where it has none."""
        return self.title.get(language_of(language), self.name)


# What counts where the config has no plans: nothing is limited, and nothing is counted.
UNLIMITED = Plan("")


def plan_of(plans: Sequence[Plan], name: str | None) -> Plan:
    """Return the plan `name`, else the first one, else UNLIMITED.

    Somebody whose plan was taken out of the config has the default one.
    """
    named = [plan for plan in plans if plan.name == name]
    return next(iter(named or plans), UNLIMITED)


def read_plans(said: Mapping[str, Mapping[str, Any]]) -> tuple[Plan, ...]:
    """Return the plans of the config's `plans`, in its order; its schema has judged them."""
    return tuple(_read(name, each) for name, each in said.items())


def _read(name: str, said: Mapping[str, Any]) -> Plan:
    return Plan(
        name=name,
        title=dict(said["title"]),
        allowances={kind: _allowance(said[kind]) for kind in Format if kind in said},
        window=_whole(said.get("window")),
        models=tuple(said.get("models", ())),
        sessions=_whole(said.get("sessions")),
    )


def _allowance(said: float | Mapping[str, float]) -> Allowance:
    """Return an allowance; a number alone is a number a day."""
    numbers = said if isinstance(said, Mapping) else {"day": said}
    # 20.0 is whole to the schema too.
    return Allowance(**{period: int(number) for period, number in numbers.items()})


def _whole(said: float | None) -> int | None:
    return None if said is None else int(said)
