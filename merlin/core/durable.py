"""Files that are whole or not there: written beside their place, synced, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def write(target: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file or a folder, make it durable, then give it its name.

    Raises OSError when the disk refuses; nothing is left behind then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    try:
        fill(beside)
        settle(beside, target)
    except BaseException:
        remove(beside)
        raise


def settle(beside: Path, target: Path) -> None:
    """Sync what lies at `beside`, rename it to `target`, sync the folder."""
    for path in [beside, *beside.rglob("*")] if beside.is_dir() else [beside]:
        sync(path)
    beside.replace(target)
    sync(target.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder; no error when it is gone."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Put a file's bytes, or a folder's own list of names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
