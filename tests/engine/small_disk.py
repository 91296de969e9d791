"""A disk of one megabyte, that can be full."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

from machine import needed


@contextmanager
def small_disk(folder):
    """Let a folder be a disk of its own, empty at first."""
    needed(None if os.geteuid() == 0 else "a small disk of its own needs root")
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tests", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
