"""What a dataset may measure, so that no repository can fill memory or disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of one file, number and bytes of all examples; known before anything is read."""

    file_bytes: int = 1_000_000
    files: int = 100_000
    total_bytes: int = 200_000_000
