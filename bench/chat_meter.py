"""Figures of one load: CPU and memory of a process, and the distribution of times."""

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
Figures = dict[str, Any]


class Meter:
    """Measures a process from its creation on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu_s, self._started_at = cpu_s(pid), time.monotonic()

    def read(self, answers: int) -> Figures:
        """Return answers per second, CPU per answer and memory since the meter was created."""
        seconds, cpu = time.monotonic() - self._started_at, cpu_s(self._pid) - self._cpu_s
        return {
            "answers": answers,
            "answers_per_s": answers / seconds,
            "cpu_ms": 1000 * cpu / answers,
            "rss_mb": rss_mb(self._pid),
        }


def spread(values_ms: Sequence[float]) -> Figures:
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


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in millions of bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
