"""A check: its name, what it does, and which checks must have passed before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """`act` takes the server and what each of `needs` returned; it raises Wrong or Missing."""

    name: str
    act: Callable[..., object]
    needs: tuple[Check, ...]

    @property
    def family(self) -> str:
        """Return the first word of the name: what `--only` may name as a whole."""
        return self.name.partition(".")[0]


def check(name: str, *needs: Check) -> Callable[[Callable[..., object]], Check]:
    """Make a check of the function below."""

    def made(act: Callable[..., object]) -> Check:
        return Check(name, act, needs)

    return made
