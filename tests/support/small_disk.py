"""A small separate file system that a test can fill."""

import subprocess
from contextlib import contextmanager, suppress

from tests.support.machine import require_root

PIECE = 4096


@contextmanager
def small_disk(folder, size="1m"):
    """Mount a small empty file system on a folder."""
    require_root("have a small disk of its own")
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tests", folder], check=True
    )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill_disk(folder):
    """Write a file until the disk is full; return its path."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(PIECE))
    return path
