"""Figures of repeated runs and of one load on a process, and the rows that show them."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

Figures = Mapping[str, Any]


def line(what: str, values: Sequence[float], unit: str = "s") -> str:
    """Return `what: min / median / max unit (n runs)`."""
    shown = (min(values), statistics.median(values), max(values))
    values_text = " / ".join(f"{value:.2f}" for value in shown)
    return f"{what}: {values_text} {unit} ({len(values)} runs)"


def at_most(
    what: str, measured: float, most: float | None = None, details: str = ""
) -> str:
    """Return a row of a Markdown table whose figure should be low."""
    bound = "-" if most is None else f"<= {most:g}"
    missed = "MISSED" if most is not None and measured > most else ""
    return f"| {what} | {measured:.4g} | {bound} | {missed} | {details} |"


def at_least(what: str, measured: float, least: float, details: str = "") -> str:
    """Return a row of a Markdown table whose figure should be high."""
    missed = "MISSED" if measured < least else ""
    return f"| {what} | {measured:.4g} | >= {least:g} | {missed} | {details} |"


class Meter:
    """Measures a process from its creation on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu_s = cpu_s(pid)
        self._started_at = time.monotonic()

    def read(self, answers: int) -> dict[str, Any]:
        """Return answers per second and CPU per answer since the meter was created."""
        seconds = time.monotonic() - self._started_at
        cpu = cpu_s(self._pid) - self._cpu_s
        return {"answers_per_s": answers / seconds, "cpu_ms": 1000 * cpu / answers}


def spread(values_ms: Sequence[float]) -> dict[str, Any]:
    """Return median and 99th percentile."""
    ordered = sorted(values_ms)
    return {
        "p50_ms": statistics.median(ordered),
        "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
    }


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def read_peak_mb(pid: int) -> float:
    """Return the highest resident memory of a process so far, in millions of bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def print_rows(
    rows: Mapping[str, Callable[[], Iterable[str]]], names: Sequence[str]
) -> None:
    """Print each row of these names, by default of all, as soon as it is measured."""
    for name in names or rows:
        if name not in rows:
            sys.exit(f"no row {name}; there are {', '.join(rows)}")
        for row in rows[name]():
            print(row, flush=True)
