"""The image without a container engine: built by buildah on a base of this machine's packages.

The base has Debian's Python 3.11, not the official slim image, and chroot isolation shares the
network and processes of the machine. The Dockerfile is executed unchanged; ENTRYPOINT and
HEALTHCHECK are run by the test.
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
ENGINE = "localhost/merlin-engine:test"
PACKAGES = (
    "apt",
    "ca-certificates",
    "git",
    "mawk",
    "openssh-client",
    "python3",
    "python3-venv",
)
ONLY_DEPENDS = tuple(
    f"--no-{kind}"
    for kind in (
        "recommends",
        "suggests",
        "conflicts",
        "breaks",
        "replaces",
        "enhances",
    )
)
UNUSED = tuple(f"/usr/share/{name}/" for name in ("doc", "info", "locale", "man"))
DPKG = Path("/var/lib/dpkg")
# Made by the scripts of packages, so no package lists them.
GENERATED = (
    "/etc/passwd",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/usr/lib/python3.11",
)
# Run by bash: $1 is the folder, then the folders that are copied whole; the list is read.
COPY = """
set -o pipefail
tree=$1; shift
tar --absolute-names --create --exclude 'config-*' "$@" --no-recursion --files-from - |
  tar --directory "$tree" --extract
"""
PIP = "[global]\nno-index = true\nfind-links = /wheels\n[install]\ncompile = no\n"
# Run by root, as a container's user may not write what Python compiles: the modules of the api
# alone, where pip would compile all.
COMPILE_USED = "import merlin.cli, merlin.wiring.api"
CHROOT = ("--isolation", "chroot", "--network", "host")


def find_obstacle() -> str | None:
    """Return what this machine lacks to build an image, None when it lacks nothing."""
    if os.geteuid() != 0:
        return "building an image needs root"
    missing = [
        tool for tool in ("buildah", "dpkg", "apt-cache") if not shutil.which(tool)
    ]
    return f"building an image needs {', '.join(missing)}" if missing else None


def _fill_base(tree: Path) -> None:
    """Copy a small Debian with Python into a folder: the files of this machine's packages.

    The packages that the Dockerfile installs by apt are included; apt's sources are this machine's.
    """
    names = _list_packages()
    info = (
        path for path in DPKG.glob("info/*") if path.stem.partition(":")[0] in names
    )
    paths = sorted({*_list_files(names), *info})
    sources = map(str, Path("/etc/apt").glob("sources.list*"))
    content = "".join(f"{path}\n" for path in paths)
    _run("bash", "-euc", COPY, "copy", str(tree), *GENERATED, *sources, content=content)
    # dpkg's database of these packages alone.
    parts = (DPKG / "status").read_text("utf-8").split("\n\n")
    kept_parts = [
        part
        for part in parts
        if part.partition("\n")[0].removeprefix("Package: ") in names
    ]
    status = tree / (DPKG / "status").relative_to("/")
    status.write_text("\n\n".join(kept_parts) + "\n\n", "utf-8")


def _list_packages() -> set[str]:
    """Return the names of the base's packages with their dependencies."""
    output_format = "${Package} ${Essential} ${db:Status-Status}\\n"
    rows = [
        line.split()
        for line in _read_lines("dpkg-query", "--show", "--showformat", output_format)
    ]
    installed = {row[0] for row in rows if row[-1] == "installed"}
    essential = {row[0] for row in rows if row[1:] == ["yes", "installed"]}
    return installed & set(
        _read_lines(
            "apt-cache",
            "depends",
            "--recurse",
            "--installed",
            *ONLY_DEPENDS,
            *PACKAGES,
            *essential,
        )
    )


def _list_files(names: set[str]) -> set[Path]:
    """Return the files of packages by their resolved folders, which may be symbolic links."""
    paths_of_packages = {
        Path(line)
        for line in _read_lines("dpkg", "--listfiles", *names)
        if line[:1] == "/"
    }
    paths = {
        path.parent.resolve() / path.name for path in paths_of_packages - {Path("/")}
    }
    return {
        path
        for path in paths
        if os.path.lexists(path) and not str(path).startswith(UNUSED)
    }


class Builder:
    """buildah with a storage of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.options = (
            *("--root", str(folder / "storage"), "--runroot", str(folder / "run")),
            *("--storage-driver", "overlay"),
        )

    def make_base(self) -> None:
        """Make the image that stands in for python:3.11-slim-bookworm."""
        self._buildah("from", "--name", "base", "scratch")
        _fill_base(Path(self._buildah("mount", "base").strip()))
        self._buildah("commit", "--rm", "--disable-compression", "base", BASE)

    def build(self, wheels: Path) -> None:
        """Build both Dockerfiles; packages come from `wheels`, checked by their hashes.

        The engine's with what is there already: language models take several GB.
        """
        settings = self._folder / "pip.conf"
        settings.write_text(PIP, "ascii")
        mounts = ("-v", f"{settings}:/etc/pip.conf:ro", "-v", f"{wheels}:/wheels:ro")
        options = ("bud", *CHROOT, "--format", "docker", *mounts, "--build-arg")
        self._buildah(*options, f"BASE={BASE}", "-t", NAME, str(ROOT))
        file = str(ROOT / "deploy" / "engine" / "Dockerfile")
        self._buildah(*options, f"MERLIN={NAME}", "-t", ENGINE, "-f", file, str(ROOT))

    def read_settings(self, name: str = NAME) -> Mapping[str, Any]:
        """Return an image's configuration."""
        document = json.loads(self._buildah("inspect", "--type", "image", name))
        config: Mapping[str, Any] = document["Docker"]["config"]
        return config

    @contextmanager
    def run_container(
        self, configuration: Path, image: str = NAME
    ) -> Iterator[Container]:
        """Yield a container of an image with this configuration file."""
        name = self._buildah("from", "--pull-never", image).strip()
        try:
            container = Container(self.options, name, configuration)
            self._buildah(
                "run",
                "--isolation",
                "chroot",
                "--user",
                "0",
                name,
                "--",
                "/opt/merlin/bin/python",
                "-c",
                COMPILE_USED,
            )
            yield container
        finally:
            self._buildah("rm", name)

    def _buildah(self, *arguments: str) -> str:
        return _run("buildah", *self.options, *arguments)


MAX_TRIES = 3


class Container:
    """A container: commands run with the user, folder and environment of the image."""

    def __init__(
        self, options: tuple[str, ...], name: str, configuration: Path
    ) -> None:
        mount = ("-v", f"{configuration}:/etc/merlin/config.yaml:ro")
        self._command = (
            "buildah",
            *options,
            "run",
            "--isolation",
            "chroot",
            *mount,
            name,
            "--",
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        arguments = [*self._command, *command]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    def read_output(self, *command: str) -> str:
        """Return the output of a command. Raises AssertionError with it when the command fails.

        buildah's chroot may lose the output of a command that ends at once: it is repeated.
        """
        outputs = (_run(*self._command, *command).strip() for _ in range(MAX_TRIES))
        return next(filter(None, outputs), "")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command; the caller ends it."""
        return subprocess.Popen([*self._command, *command], stderr=subprocess.DEVNULL)


def _run(*command: str, content: str = "") -> str:
    process = subprocess.run(
        command, input=content, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, (
        f"{command}: {process.stdout[-2000:]}{process.stderr[-2000:]}"
    )
    return process.stdout


def _read_lines(*command: str) -> list[str]:
    return [line for line in _run(*command).split("\n") if line]
