"""What a dataset may measure, so that no repository can fill memory or disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of one file, number and bytes of all examples; known before anything is read."""

    file_bytes: int = 1_000_000
    files: int = 100_000
    total_bytes: int = 200_000_000
    # What the process that reads and builds it may take; 0 asks for nothing.
    memory_bytes: int = 0

    def is_too_much(self, files: int, weight: int) -> bool:
        """Return whether so many examples that weigh so much need more memory than allowed."""
        return 0 < self.memory_bytes < memory_needed(files, weight)


# Measured with 183 MB in 19,200 files (730 MB at the peak) and 63 MB in 100,000 (635 MB), Russian
# texts, with some room; the first is the daemon itself.
_PROCESS_BYTES, _PER_FILE = 120_000_000, 3_800
_PER_WEIGHT = 3.3


def memory_needed(files: int, weight: int) -> int:
    """Return about how many bytes of memory the daemon takes at most to read and build a dataset.

    `weight`: bytes of its examples, those of their files or better those of what was read.
    """
    return int(_PROCESS_BYTES + _PER_FILE * files + _PER_WEIGHT * weight)
