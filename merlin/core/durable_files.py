"""Atomic, durable file writes, and locks between processes.

A file is written beside its target, synced, then renamed. A lock is a file that one process at a
time holds. Source: flock(2). The lock belongs to the open file description: a child that inherits
the descriptor holds it too, so it is released only when the last holder closes it.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S


def write_durably(target: Path, fill: Callable[[Path], object]) -> None:
    """Call `fill` to write a temporary file or folder, sync it, then rename it to `target`.

    Raises OSError if the disk refuses; the temporary file is removed then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    try:
        fill(temporary)
        rename_durably(temporary, target)
    except BaseException:
        remove_durably(temporary)
        raise


def copy_stream(source: BinaryIO, target: Path) -> None:
    """Write what is left of a stream to a new file. Raises OSError."""
    with target.open("wb") as out:
        shutil.copyfileobj(source, out)


def rename_durably(source: Path, target: Path) -> None:
    """Sync a file or folder, rename it to `target`, and sync the parent folder."""
    for path in [source, *source.rglob("*")] if source.is_dir() else [source]:
        sync_file(path)
    source.replace(target)
    sync_file(target.parent)


def remove_durably(path: Path) -> None:
    """Remove a file or a folder; no error if it does not exist."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def give_to_owner(path: Path, of: Path) -> None:
    """Give a file or folder to the owner of `of` if root runs, for the services' own user.

    That user may replace a folder by a link meanwhile: names are relative to open folders.
    """
    if os.geteuid() != 0:
        return
    owner = of.stat()
    os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    for _, folders, files, descriptor in os.fwalk(path):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):  # removed meanwhile
                os.chown(
                    name,
                    owner.st_uid,
                    owner.st_gid,
                    dir_fd=descriptor,
                    follow_symlinks=False,
                )


def sync_file(path: Path) -> None:
    """Flush a file's bytes, or a folder's directory entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the file's lock, or None if it is taken; never waits.

    The file is created if missing. Closing the descriptor (`os.close`) releases the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The folder may have been moved, with the lock in it, since the file was opened.
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    os.close(descriptor)
    return None


def is_mark_old(mark: Path) -> bool:
    """Return whether a file is missing, or was not touched within a day."""
    return not mark.exists() or not 0 <= time.time() - mark.stat().st_mtime < _DAY_S


def share_lock(path: Path) -> tuple[int, bool]:
    """Return a descriptor that shares the file's lock, and whether nobody held it before."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_alone = True
    except BlockingIOError:
        is_alone = False
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor, is_alone


@contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in `parent` and remove it; first remove those that killed runs left."""
    remove_abandoned(parent.glob(f"{prefix}*"))
    with TemporaryDirectory(dir=parent, prefix=prefix) as folder:
        yield Path(folder)


def set_aside(root: Path, found: Iterable[Path], known: Collection[Path]) -> int:
    """Move what is found below `root` and isn't known to `root`/aside; return how many.

    It stays there for a week, and what is known and missing comes back: a database that is empty or
    an old copy does not list what is needed. Partial files are removed. Raises OSError.
    """
    aside = root / "aside"
    for path in known if aside.exists() else ():
        kept = aside / path.relative_to(root)
        if kept.exists() and not path.exists():
            _move(kept, path)
    count = 0
    for path in [each for each in found if each not in known]:
        kept = aside / path.relative_to(root)
        remove_durably(path if _is_partial(path) else kept)
        if not _is_partial(path):
            os.utime(path)  # the week begins
            _move(path, kept)
            count += 1
    remove_abandoned(aside.glob("*/*"), _WEEK_S)
    return count


def _is_partial(path: Path) -> bool:
    return path.name.startswith(".") and path.suffix == ".part"


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)  # the folder of either may be a link to another disk


def remove_abandoned(paths: Iterable[Path], age_s: float = _DAY_S) -> None:
    """Remove the files and folders that were left longer ago, a day by default."""
    for path in paths:
        with suppress(OSError):
            if is_abandoned(path, age_s):
                remove_durably(path)


def is_abandoned(path: Path, age_s: float = _DAY_S) -> bool:
    """Return whether a file or folder was last modified longer ago. Raises OSError."""
    return path.stat().st_mtime < time.time() - age_s


def is_disk_full(error: OSError) -> bool:
    """Return whether the error says that the disk is full or the quota exceeded."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The expected size and sha256 (hex) of a file."""

    size: int
    sha256: str


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
