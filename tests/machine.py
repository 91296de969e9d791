"""What tests on whole machines share: when they are left out, and packages kept between runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTS = (ROOT / "requirements.txt", ROOT / "requirements-build.txt")


def made(why_not: str | None) -> None:
    """Leave out what installs and boots a whole machine, unless everything is required.

    Making the two machines takes as long as a third of all other tests: `.ci/run` always does.
    """
    if not os.environ.get("MERLIN_REQUIRE_ALL"):
        why_not = "it installs and boots a whole machine: set MERLIN_REQUIRE_ALL=1, as .ci/run does"
    needed(why_not)


def needed(why_not: str | None) -> None:
    """Leave the test out with the reason; where everything is required, fail with it."""
    if why_not is None:
        return
    if os.environ.get("MERLIN_REQUIRE_ALL"):
        pytest.fail(why_not)
    pytest.skip(why_not)


def need_root(purpose: str) -> None:
    """Leave the test out, as `needed` does, where it is not run by root."""
    needed(None if os.geteuid() == 0 else f"needs root, to {purpose}")


def wheels(cache: Path) -> Path:
    """Return a folder with every package that an installation needs, fetched once."""
    named = hashlib.sha256(b"".join(path.read_bytes() for path in LISTS)).hexdigest()[:12]
    folder = cache / f"wheels-{named}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=cache))
            for path in LISTS:
                _fetch(path, draft)
            draft.rename(folder)
    return folder


@contextmanager
def in_memory(folder: Path) -> Iterator[Path]:
    """Let a folder lie in memory: installations are tens of thousands of files; needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4g", "tests", folder], check=True)
    try:
        yield folder
    finally:
        # Lazily: a storage driver may still be letting go of what it mounted inside.
        subprocess.run(["umount", "--lazy", folder], check=True)


def _fetch(listed: Path, folder: Path) -> None:
    options = ("--quiet", "--no-deps", "--require-hashes", "-r", str(listed), "-d", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "download", *options], check=True)
