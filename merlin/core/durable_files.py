"""Files that are whole or not there, and locks between processes.

A file is written beside its place, synced, then renamed. A lock is a file that one process at a
time holds. Source: flock(2). The lock belongs to the open file: a child that inherits the
descriptor holds it too, so it is free only when the last of them has closed it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


def write_durably(target: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file or a folder, make it durable, then give it its name.

    Raises OSError when the disk refuses; nothing is left behind then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    try:
        fill(beside)
        rename_durably(beside, target)
    except BaseException:
        remove_durably(beside)
        raise


def rename_durably(beside: Path, target: Path) -> None:
    """Sync what lies at `beside`, rename it to `target`, sync the folder."""
    for path in [beside, *beside.rglob("*")] if beside.is_dir() else [beside]:
        sync_file(path)
    beside.replace(target)
    sync_file(target.parent)


def remove_durably(path: Path) -> None:
    """Remove a file or a folder; no error when it is gone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Put a file's bytes, or a folder's own list of names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def try_lock(path: Path) -> int | None:
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


def is_full(error: OSError) -> bool:
    """Return whether a disk refused for want of room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What a file must be: its bytes and their sha256 in hex."""

    size: int
    sha256: str


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder; what goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size if path.is_file() else 0
    return total
