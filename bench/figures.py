"""Figures: of repeated runs, of one load on a process, and as rows that compare two sides."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = Mapping[str, Any]
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def line(what: str, values: Sequence[float], unit: str = "s") -> str:
    """Return `what: min / median / max unit (n runs)`."""
    values_text = " / ".join(
        f"{value:.2f}"
        for value in (min(values), statistics.median(values), max(values))
    )
    return f"{what}: {values_text} {unit} ({len(values)} runs)"


@dataclass(frozen=True, slots=True)
class Figure:
    """A row: `measured` must reach `least`, None without a goal; lower is better if `is_less`."""

    what: str
    ours: str
    against: str
    measured: float
    least: float | None
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
        *,
        is_less: bool,
    ) -> Figure:
        """Return the row with its verdict."""
        is_met = least is None or (measured <= least if is_less else measured >= least)
        verdict = "" if is_met else "MISSED"
        return cls(what, ours, against, round(measured, 3), least, is_less, verdict)

    @classmethod
    def ratio(
        cls,
        what: str,
        ours: Figures,
        stock: Figures,
        key: str,
        least: float,
        *,
        is_less: bool = False,
    ) -> Figure:
        """Return the row of a ratio: our value divided by the other side's."""
        our_value = ours[key]
        their_value = stock[key]
        return cls.of(
            what,
            _describe(ours, key),
            _describe(stock, key),
            our_value / their_value,
            least,
            is_less=is_less,
        )

    @classmethod
    def at_most(
        cls,
        what: str,
        ours: Figures,
        key: str,
        least: float | None,
        stock: Figures | None = None,
    ) -> Figure:
        """Return the row of a value that should be low."""
        against = _describe(stock, key) if stock else ""
        return cls.of(
            what, _describe(ours, key), against, ours[key], least, is_less=True
        )


def _describe(figures: Figures, key: str) -> str:
    parts = [f"{figures[key]:.4g} {key}"]
    if key != "cpu_ms" and "cpu_ms" in figures:
        parts.append(f"{figures['cpu_ms']:.2f} cpu_ms")
    return ", ".join(parts)


def format_row(figure: Figure) -> str:
    """Return a row as a line of a Markdown table."""
    sign = "<=" if figure.is_less else ">="
    bound = "-" if figure.least is None else f"{sign} {figure.least:g}"
    against = figure.against or "-"
    measured = f"{figure.measured:.4g}"
    columns = (figure.what, figure.ours, against, measured, bound, figure.verdict)
    return "| " + " | ".join(columns) + " |"


class Meter:
    """Measures a process from its creation on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu_s = cpu_s(pid)
        self._started_at = time.monotonic()

    def read(self, answers: int) -> dict[str, Any]:
        """Return answers per second, CPU per answer and memory since the meter was created."""
        seconds = time.monotonic() - self._started_at
        cpu = cpu_s(self._pid) - self._cpu_s
        return {
            "answers": answers,
            "answers_per_s": answers / seconds,
            "cpu_ms": 1000 * cpu / answers,
            "rss_mb": rss_mb(self._pid),
        }


def spread(values_ms: Sequence[float]) -> dict[str, Any]:
    """Return median and 99th percentile."""
    ordered = sorted(values_ms)
    return {
        "p50_ms": statistics.median(ordered),
        "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
    }


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used. Source: proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def read_peak_mb(pid: int) -> float:
    """Return the highest resident memory of a process so far, in millions of bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in millions of bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def print_rows(
    rows: Mapping[str, Callable[[], Sequence[Figure]]], names: Sequence[str]
) -> None:
    """Print each row of these names, by default of all, as soon as it is measured."""
    for name in names or rows:
        if name not in rows:
            sys.exit(f"no row {name}; there are {', '.join(rows)}")
        for figure in rows[name]():
            print(format_row(figure), flush=True)
