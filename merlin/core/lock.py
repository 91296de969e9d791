"""Lock: a file that one process at a time holds; the kernel lets go of a dead one's at once.

Source: flock(2). The lock belongs to the open file: a child that inherits the descriptor holds it
too, so it is free only when the last of them has closed it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def taken(path: Path) -> int | None:
    """Return a descriptor that holds the file's lock, None when another one does; never waits.

    The file is made where there is none. `os.close` of the descriptor lets the lock go.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _is_ours(path, file):
        return file
    os.close(file)
    return None


def _is_ours(path: Path, file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its folder may have been moved aside, lock and all, since the file was opened.
        return path.stat().st_ino == os.fstat(file).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
