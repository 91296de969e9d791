"""Figures of repeated runs: minimum, median and maximum, on one line."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def line(what: str, values: Sequence[float], unit: str = "s") -> str:
    """Return `what: min / median / max unit (n runs)`."""
    told = " / ".join(
        f"{value:.2f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{what}: {told} {unit} ({len(values)} runs)"
