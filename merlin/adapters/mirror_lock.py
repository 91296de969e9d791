"""One writer at a time in the mirror, and no leftovers of a writer that died.

The lock (`core.lock`) is a file in the mirror. Each git child that writes inherits it, so it
stays taken until the last child of a killed owner has ended too. The file holds the
owner's pid while it works; a pid found in it means that the last owner did not finish.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merlin.core.errors import SourceError
from merlin.core.lock import taken
from merlin.core.log import get_logger

log = get_logger(__name__)
LOCK_NAME = "merlin.lock"
_LOOK_S = 0.05
# What a killed git leaves: locks of refs and settings, half packs and half objects.
_LEFTOVERS = ("*.lock", "tmp_*", ".tmp-*", "gc.pid")


@contextmanager
def hold(mirror: Path, wait_s: float = 5.0) -> Iterator[int]:
    """Hold the mirror for writing; yield the descriptor that children must inherit.

    Raises SourceError when another process keeps it longer than `wait_s`.
    """
    lock = _taken(mirror, wait_s)
    try:
        if os.pread(lock, 1, 0):
            _sweep(mirror)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
        os.ftruncate(lock, 0)  # not in `finally`: a failure may have left something behind
    finally:
        os.close(lock)


def _taken(mirror: Path, wait_s: float) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        mirror.mkdir(parents=True, exist_ok=True)
        lock = taken(mirror / LOCK_NAME)
        if lock is not None:
            return lock
        if time.monotonic() >= deadline:
            raise SourceError(f"another process works in {mirror}", "git-busy", mirror=str(mirror))
        time.sleep(_LOOK_S)


def _sweep(mirror: Path) -> None:
    """Remove what the dead owner's git left; nobody else can be writing now."""
    for pattern in _LEFTOVERS:
        for path in mirror.rglob(pattern):
            if path.name != LOCK_NAME and not path.is_dir():
                log.warning("leftover of a killed git removed", path=str(path))
                path.unlink(missing_ok=True)
