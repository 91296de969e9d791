"""One measured row: what ran against what, what is demanded, and whether that is met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Load = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """`measured` is judged: at least `least` and better `aim`, or at most where `is_less`."""

    what: str
    ours: str
    against: str
    measured: float
    least: float
    aim: float
    is_less: bool
    verdict: str

    @classmethod
    def of(
        cls,
        what: str,
        ours: str,
        against: str,
        measured: float,
        least: float,
        aim: float,
        *,
        is_less: bool,
    ) -> Figure:
        """Return the row with its verdict: aim, least or MISSED."""

        def is_met(bound: float) -> bool:
            return measured <= bound if is_less else measured >= bound

        verdict = "aim" if is_met(aim) else "least" if is_met(least) else "MISSED"
        return cls(what, ours, against, round(measured, 3), least, aim, is_less, verdict)

    @classmethod
    def ratio(
        cls,
        what: str,
        ours: Load,
        stock: Load,
        key: str,
        least: float,
        aim: float,
        *,
        is_less: bool = False,
    ) -> Figure:
        """Return ours as so many times the other side's."""
        mine, theirs = ours[key], stock[key]
        return cls.of(
            what, _told(ours, key), _told(stock, key), mine / theirs, least, aim, is_less=is_less
        )

    @classmethod
    def most(
        cls, what: str, ours: Load, key: str, least: float, aim: float, stock: Load | None = None
    ) -> Figure:
        """Return ours as it is; the less the better."""
        against = _told(stock, key) if stock else ""
        return cls.of(what, _told(ours, key), against, ours[key], least, aim, is_less=True)


def _told(figures: Load, key: str) -> str:
    words = [f"{figures[key]:.4g} {key}"]
    if key != "cpu_ms" and "cpu_ms" in figures:
        words.append(f"{figures['cpu_ms']:.2f} cpu_ms")
    return ", ".join(words)


def shown(figure: Figure) -> str:
    """Return the row as a line of a table."""
    sign = "<=" if figure.is_less else ">="
    columns = (
        figure.what,
        figure.ours,
        figure.against or "-",
        f"{figure.measured:.4g}",
        f"{sign} {figure.least:g}",
        f"{sign} {figure.aim:g}",
        figure.verdict,
    )
    return "| " + " | ".join(columns) + " |"
