"""Spark: a row of numbers as a row of little columns."""

from __future__ import annotations

from collections.abc import Sequence

_COLUMNS = "▁▂▃▄▅▆▇█"
WIDTH = 24


def spark(values: Sequence[float], low: float, high: float) -> str:
    """Return the values as columns between `low` and `high`, at most WIDTH of them.

    Of more values evenly spread ones are shown, the first and the last among them.
    """
    if len(values) > WIDTH:
        step = (len(values) - 1) / (WIDTH - 1)
        values = [values[round(place * step)] for place in range(WIDTH)]
    top = len(_COLUMNS) - 1
    span = high - low
    places = [round((value - low) / span * top) if span > 0 else 0 for value in values]
    return "".join(_COLUMNS[min(max(place, 0), top)] for place in places)
