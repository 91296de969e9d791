"""Bounds: how much and how long the api takes; one value, so that nobody looks for a number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the api is bounded by; bytes, courses, seconds.

    `body_bytes`: the longest file of a dataset, where JSON writes each letter as an escape.
    `bodies_bytes`: all large bodies under way together.
    `kept_bytes`: answers about the catalogue that are kept. `list_at_once`: without a limit, a
    longer catalogue comes in parts after all. `commit_wait_s`: how long a commit may take to be
    seen before another edit of the same file is told to come again.
    """

    body_bytes: int = 8 * 1024 * 1024
    bodies_bytes: int = 64 * 1024 * 1024
    kept_bytes: int = 32 * 1024 * 1024
    list_at_once: int = 1_000
    commit_wait_s: float = 5.0


USUAL = Bounds()
