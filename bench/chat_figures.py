"""One measured row: the compared figures, the required bounds, and whether they are met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Load = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A row: `measured` must reach `least`, better `aim`; lower is better if `is_less`.

    Both bounds are None for a figure without a goal.
    """

    what: str
    ours: str
    against: str
    measured: float
    least: float | None
    aim: float | None
    is_less: bool
    verdict: str

    @classmethod
    def of(
        cls,
        what: str,
        ours: str,
        against: str,
        measured: float,
        least: float | None,
        aim: float | None,
        *,
        is_less: bool,
    ) -> Figure:
        """Return the row with its verdict: aim, least, MISSED, or "-" without a goal."""
        verdict = "-" if least is None else "MISSED"
        for word, bound in (("least", least), ("aim", aim)):
            if bound is not None and (measured <= bound if is_less else measured >= bound):
                verdict = word
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
        """Return the row of a ratio: our value divided by the other side's."""
        our_value, their_value = ours[key], stock[key]
        return cls.of(
            what,
            _describe(ours, key),
            _describe(stock, key),
            our_value / their_value,
            least,
            aim,
            is_less=is_less,
        )

    @classmethod
    def at_most(
        cls,
        what: str,
        ours: Load,
        key: str,
        least: float | None,
        aim: float | None,
        stock: Load | None = None,
    ) -> Figure:
        """Return the row of a value that should be low."""
        against = _describe(stock, key) if stock else ""
        return cls.of(what, _describe(ours, key), against, ours[key], least, aim, is_less=True)


def _describe(figures: Load, key: str) -> str:
    parts = [f"{figures[key]:.4g} {key}"]
    if key != "cpu_ms" and "cpu_ms" in figures:
        parts.append(f"{figures['cpu_ms']:.2f} cpu_ms")
    return ", ".join(parts)


def format_row(figure: Figure) -> str:
    """Return a row as a line of a Markdown table."""
    sign = "<=" if figure.is_less else ">="
    bounds = ("-" if bound is None else f"{sign} {bound:g}" for bound in (figure.least, figure.aim))
    against, measured = figure.against or "-", f"{figure.measured:.4g}"
    columns = (figure.what, figure.ours, against, measured, *bounds, figure.verdict)
    return "| " + " | ".join(columns) + " |"
