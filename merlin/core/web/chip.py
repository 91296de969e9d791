"""Chip: a state as icon, word and colour, in this order of weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chip:
    """One state; `style` is ok, run, warn, bad or "" for one that asks for nothing."""

    style: str
    icon: str
    words: str


# Style and icon.
Look = tuple[str, str]

OK: Look = ("ok", "check")
RUN: Look = ("run", "run")
WAIT: Look = ("warn", "clock")
BAD: Look = ("bad", "error")
PLAIN: Look = ("", "minus")

# A fine-tune job's states, ours and the protocol's.
JOB: Mapping[str, Look] = {
    "launching": RUN,
    "validating_files": RUN,
    "queued": WAIT,
    "running": RUN,
    "paused": WAIT,
    "succeeded": OK,
    "failed": BAD,
    "cancelled": ("", "stop"),
}
