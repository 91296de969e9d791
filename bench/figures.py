"""Format the figures of repeated runs: minimum, median and maximum."""

import statistics
from collections.abc import Sequence


def line(what: str, values: Sequence[float], unit: str = "s") -> str:
    """Return `what: min / median / max unit (n runs)`."""
    values_text = " / ".join(
        f"{value:.2f}" for value in (min(values), statistics.median(values), max(values))
    )
    return f"{what}: {values_text} {unit} ({len(values)} runs)"
