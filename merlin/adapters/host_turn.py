"""Turns among those on one machine who push to the same repository.

They would only race each other: each loss costs a fetch and a push. A turn is a courtesy and no
wall: after `WAIT_S`, or where the folder of locks is not ours, one goes on without it, and the
push itself decides.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merlin.core.lock import taken

WAIT_S, LOOK_S = 30.0, 0.02


@contextmanager
def turn(url: str, wait_s: float = WAIT_S) -> Iterator[bool]:
    """Wait for the turn to push to `url`; yield whether it came."""
    lock = _waited(url, wait_s)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _waited(url: str, wait_s: float) -> int | None:
    deadline = time.monotonic() + wait_s
    try:
        path = _folder() / f"push-{hashlib.sha256(url.encode()).hexdigest()[:16]}.lock"
        while (lock := taken(path)) is None and time.monotonic() < deadline:
            time.sleep(LOOK_S)
    except OSError:
        return None
    return lock


def _folder() -> Path:
    """Return this user's folder of locks. Raises PermissionError for one that others may change."""
    folder = Path(tempfile.gettempdir()) / f"merlin-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(str(folder))
    return folder
