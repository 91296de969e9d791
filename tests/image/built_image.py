"""The image without a container engine: built by buildah on a base of this machine's packages.

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

from tests.support.machine import ROOT

BASE = "localhost/python:3.11-slim-bookworm"
NAME = "localhost/merlin:test"
PACKAGES = ("apt", "ca-certificates", "git", "mawk", "openssh-client", "python3", "python3-venv")
ONLY_DEPENDS = tuple(
    f"--no-{kind}"
    for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
)
UNREAD = tuple(f"/usr/share/{name}/" for name in ("doc", "info", "locale", "man"))
# Made by the packages' scripts, so no package names them.
GENERATED = ("etc/passwd", "etc/group", "etc/ld.so.cache", "etc/ssl/certs", "usr/lib/python3.11")
PIP = "[global]\nno-index = true\nfind-links = /wheels\n"
CHROOT = ("--isolation", "chroot", "--network", "host")


def why_not() -> str | None:
    """Return what this machine lacks to build an image, None when it lacks nothing."""
    if os.geteuid() != 0:
        return "building an image needs root"
    missing = [tool for tool in ("buildah", "dpkg", "apt-cache") if not shutil.which(tool)]
    return f"building an image needs {', '.join(missing)}" if missing else None


def base_files(folder: Path) -> Path:
    """Return an archive of a small Debian with Python: the files of this machine's own packages.

    What the Dockerfile installs by apt is there already, as on a machine that is up to date.
    """
    archive, tree, names = folder / "base.tar", folder / "base", _packages()
    listed = "".join(f"{path.relative_to('/')}\n" for path in sorted(_files_of(names)))
    _describe(tree, names)
    tar = ("tar", "--file", str(archive), "--exclude", "config-*", "--directory")
    _run(*tar, "/", "--create", "--no-recursion", "--files-from", "-", said=listed)
    _run(*tar, str(tree), "--append", "var", "etc")
    _run(*tar, "/", "--append", *GENERATED)
    return archive


def _packages() -> set[str]:
    """Return the names of the base's packages with everything that they need."""
    shown = "${Package} ${Essential} ${db:Status-Status}\\n"
    told = [line.split() for line in _lines("dpkg-query", "--show", "--showformat", shown)]
    installed = {words[0] for words in told if words[-1] == "installed"}
    essential = {words[0] for words in told if words[1:] == ["yes", "installed"]}
    words = ("apt-cache", "depends", "--recurse", "--installed", *ONLY_DEPENDS)
    return installed & set(_lines(*words, *PACKAGES, *essential))


def _files_of(names: set[str]) -> set[Path]:
    """Return the files of packages, each by its own place: one may lie in a folder of old."""
    listed = {Path(line) for line in _lines("dpkg", "--listfiles", *names) if line[:1] == "/"}
    paths = {path.parent.resolve() / path.name for path in listed - {Path("/")}}
    return {path for path in paths if os.path.lexists(path) and not str(path).startswith(UNREAD)}


def _describe(folder: Path, names: set[str]) -> None:
    """Write what dpkg shall know of the packages, and that apt asks where this machine does."""
    dpkg, apt = folder / "var/lib/dpkg", folder / "etc/apt"
    apt.mkdir(parents=True)
    for path in Path("/etc/apt").glob("sources.list*"):
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, apt / path.name)
    (dpkg / "info").mkdir(parents=True)
    known = Path("/var/lib/dpkg/status").read_text("utf-8").split("\n\n")
    kept = [part for part in known if part.partition("\n")[0].removeprefix("Package: ") in names]
    (dpkg / "status").write_text("\n\n".join(kept) + "\n\n", "utf-8")
    for path in Path("/var/lib/dpkg/info").iterdir():
        if path.name.rpartition(".")[0].partition(":")[0] in names:
            shutil.copy(path, dpkg / "info")


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
        document = json.loads(self._buildah("inspect", "--type", "image", NAME))
        config: Mapping[str, Any] = document["Docker"]["config"]
        return config

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


ASKED = 3


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
        """Return what a command says. Raises AssertionError with its words when it fails.

        Of one that ends at once, buildah's chroot may lose the words: it is asked again.
        """
        told = (_run(*self._command, *command).strip() for _ in range(ASKED))
        return next(filter(None, told), "")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command; the caller ends it."""
        return subprocess.Popen([*self._command, *command], stderr=subprocess.DEVNULL)


def _run(*command: str, said: str = "") -> str:
    done = subprocess.run(command, input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def _lines(*command: str) -> list[str]:
    return [line for line in _run(*command).split("\n") if line]
