"""Shared by tests that boot a whole machine: skip conditions and cached packages."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ending import wait_for_end

ROOT = Path(__file__).parents[2]
LISTS = (ROOT / "requirements.txt", ROOT / "requirements-build.txt")
# Read at import: within a test the home folder is its own.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "merlin"


def require_whole_machine(reason: str | None) -> None:
    """Skip a test that installs and boots a whole machine, unless everything is required.

    Building the two machines takes a third as long as all other tests; `.ci/run` always does it.
    """
    if not os.environ.get("MERLIN_REQUIRE_ALL"):
        reason = "installs and boots a whole machine: set MERLIN_REQUIRE_ALL=1, as .ci/run does"
    skip_or_fail(reason)


def skip_or_fail(reason: str | None) -> None:
    """Skip the test for this reason, or fail with it where everything is required; None: go on."""
    if reason is None:
        return
    if os.environ.get("MERLIN_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


def require_root(purpose: str) -> None:
    """Skip the test, or fail it as `skip_or_fail` does, unless root runs it."""
    skip_or_fail(None if os.geteuid() == 0 else f"needs root, to {purpose}")


@contextmanager
def become_another_user() -> Iterator[None]:
    """Do what the block does as a user who may do little; skip the test unless root runs it."""
    require_root("become another user")
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def download_wheels() -> Path:
    """Return a folder with every package that an installation needs, downloaded once."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in LISTS)).hexdigest()[
        :12
    ]
    folder = CACHE / f"wheels-{digest}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = Path(tempfile.mkdtemp(dir=CACHE))
            for path in LISTS:
                _download(path, draft)
            draft.rename(folder)
    return folder


@contextmanager
def mount_in_memory(folder: Path) -> Iterator[Path]:
    """Mount a folder in memory: an installation is tens of thousands of files; needs root."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4g", "tests", folder], check=True
    )
    # Unmounts when the test or its process ends: pytest could not delete what a killed one left.
    # Lazily: a storage driver may still release its own mounts inside.
    unmount = ["sh", "-c", 'read -r _; exec umount --lazy "$1"', "unmount", folder]
    process = subprocess.Popen(unmount, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield folder
    finally:
        wait_for_end(process)
        assert process.returncode == 0


def _download(requirements: Path, folder: Path) -> None:
    # Where pip found the packages of this environment: reading their pages of the index again takes
    # it several seconds.
    report = Path(sys.prefix) / "packages.json"
    packages = (
        json.loads(report.read_text("utf-8"))["install"] if report.exists() else []
    )
    constraints = "".join(
        f"{package['metadata']['name']} @ {package['download_info']['url']}\n"
        for package in packages
    )
    options = (
        *("--quiet", "--no-deps", "--no-build-isolation", "--require-hashes"),
        *("-r", str(requirements), "-c", "/dev/stdin", "-d", str(folder)),
    )
    command = [sys.executable, "-m", "pip", "download", *options]
    subprocess.run(command, input=constraints, text=True, check=True)


if __name__ == "__main__":
    download_wheels()
