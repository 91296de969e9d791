"""The image without a container engine: built by buildah on a debootstrap base.

The base is Debian's own Python 3.11, not the official slim image, and chroot isolation is no
container (network and processes are the machine's). What the Dockerfile says is carried out as
it stands; ENTRYPOINT and HEALTHCHECK are run by the test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import ROOT

BASE = "localhost/python:3.11-slim-bookworm"
NAME = "localhost/merlin:test"
PACKAGES = "python3,python3-venv,ca-certificates"
PIP = "[global]\nno-index = true\nfind-links = /wheels\n"
CHROOT = ("--isolation", "chroot", "--network", "host")


def why_not() -> str | None:
    """Return what this machine lacks to build an image, None when it lacks nothing."""
    if os.geteuid() != 0:
        return "building an image needs root"
    missing = [tool for tool in ("buildah", "debootstrap") if not shutil.which(tool)]
    return f"building an image needs {', '.join(missing)}" if missing else None


def base_files(cache: Path) -> Path:
    """Return an archive of a small Debian with Python, made once."""
    archive = cache / "bookworm-minbase.tar"
    if not archive.exists():
        tree = cache / f"tree-{os.getpid()}"
        _run(
            *("debootstrap", "--variant=minbase", f"--include={PACKAGES}"),
            *("bookworm", str(tree)),
        )
        _run("tar", "-C", str(tree), "-cf", f"{archive}.new", ".")
        Path(f"{archive}.new").rename(archive)
        shutil.rmtree(tree)
    return archive


class Builder:
    """buildah with a storage of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.options = (
            *("--root", str(folder / "storage"), "--runroot", str(folder / "run")),
            *("--storage-driver", "overlay"),
        )

    def make_base(self, archive: Path) -> None:
        """Make the image that stands in for python:3.11-slim-bookworm."""
        self._buildah("from", "--name", "base", "scratch")
        self._buildah("add", "base", str(archive), "/")
        self._buildah("commit", "--rm", "--disable-compression", "base", BASE)

    def build(self, wheels: Path) -> None:
        """Build the project's Dockerfile; packages come from `wheels`, checked by their hashes."""
        settings = self._folder / "pip.conf"
        settings.write_text(PIP, "ascii")
        self._buildah(
            *("bud", *CHROOT, "--format", "docker", "--build-arg", f"BASE={BASE}"),
            *("-v", f"{settings}:/etc/pip.conf:ro", "-v", f"{wheels}:/wheels:ro"),
            *("-t", NAME, str(ROOT)),
        )

    def settings(self) -> Mapping[str, Any]:
        """Return what the image says about running it."""
        told = json.loads(self._buildah("inspect", "--type", "image", NAME))
        found: Mapping[str, Any] = told["Docker"]["config"]
        return found

    @contextmanager
    def container(self, configuration: Path) -> Iterator[Container]:
        """Give a container with this file as its configuration."""
        name = self._buildah("from", "--pull-never", NAME).strip()
        try:
            yield Container(self.options, name, configuration)
        finally:
            self._buildah("rm", name)

    def _buildah(self, *words: str) -> str:
        return _run("buildah", *self.options, *words)


class Container:
    """Where commands run as the image says: its user, its folder, its environment."""

    def __init__(self, options: tuple[str, ...], name: str, configuration: Path) -> None:
        mounted = ("-v", f"{configuration}:/etc/merlin/config.yaml:ro")
        self._command = ("buildah", *options, "run", "--isolation", "chroot", *mounted, name, "--")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        whole = [*self._command, *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False)

    def said(self, *command: str) -> str:
        """Return what a command says. Raises AssertionError with its words when it fails."""
        return _run(*self._command, *command).strip()

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command; the caller ends it."""
        return subprocess.Popen([*self._command, *command], stderr=subprocess.DEVNULL)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout
