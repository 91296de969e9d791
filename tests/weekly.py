"""Tests that show the same again with another base, client or version: they run every week.

A test belongs to a part by its marker `weekly`, or by its program (tests/real/programs.py).
`.ci/run` has a part where a file of its inputs is not as it was when the part last passed:
weekly.txt has the digest of these files and the day. It names the parts that it leaves out.

    python -m tests.weekly              run every part and command (`make weekly`)
    python -m tests.weekly torch soak   run these (`make weekly PARTS="torch soak"`)
    python -m tests.weekly write        after a green `.ci/run`, which ran the parts that changed
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIGESTS = Path(__file__).with_suffix(".txt")
# The part whose tests alone run. Read at import: tests remove it from the environment.
ONLY = os.environ.get("MERLIN_WEEKLY")


@dataclass(frozen=True)
class Part:
    """What a part shows, and the files, as patterns of `fnmatch`, that decide whether it passes.

    Without inputs it runs only every week.
    """

    shows: str
    inputs: tuple[str, ...] = ()


ENGINE = ("merlin/engine/*", "merlin/openai_protocol/*", "requirements-engine*")
PROTOCOL = ("merlin/openai_protocol/*", "merlin/api/openai_compat/*")
PARTS = {
    "torch": Part(
        "language models of each class are trained, killed, served and exported",
        (*ENGINE, "tests/engine/*"),
    ),
    "adapters": Part(
        "adapters of others come in, and a spoilt one never goes live",
        (
            *(*ENGINE, "merlin/training/*", "merlin/daemon/*"),
            *("tests/engine/*", "tests/e2e/test_spoilt_adapter.py", "docs/en/proof.md"),
        ),
    ),
    "programs": Part(
        "clients and servers of others get on with the engine and with /v1",
        (*PROTOCOL, "merlin/engine/*", "merlin/providers/openai*", "tests/real/*"),
    ),
    # Several GB, and a Node that is newer than Debian's: only by the week.
    "promptfoo": Part("promptfoo asks a build's test questions"),
    "vllm": Part("a real vLLM serves what the engine trained"),
    "image": Part(
        "the image is built from the Dockerfile, and runs",
        (
            *("Dockerfile", ".dockerignore", "setup.py", "pyproject.toml"),
            *("requirements.txt", "requirements-build.txt", "tests/image/*"),
            *("deploy/engine/Dockerfile", "requirements-engine*"),
        ),
    ),
    "systemd": Part(
        "Merlin is upgraded, goes back and is removed, and each killed process is started again",
        (
            *("systemd/*", "deploy/release/*", "tests/systemd/*", "docs/en/install.md"),
            *("merlin/supervisor.py", "setup.py", "pyproject.toml"),
            *("requirements.txt", "requirements-build.txt"),
        ),
    ),
    "tutorial": Part(
        "the Russian tutorial is walked as the English one is",
        (
            *("docs/en/tutorial.md", "docs/ru/tutorial.md", "merlin/locale/ru/*"),
            "tests/e2e/test_tutorial.py",
        ),
    ),
}
# What only the week runs, as arguments of Python: it measures the tests, or draws at random.
COMMANDS = {
    "coverage": ("-m", "tests.individual_coverage", "run"),
    "mutations": ("-m", "tests.mutations", "--since", "1 week ago"),
    "soak": ("-m", "bench", "soak", "--kills", "100"),
}


def compute_digests(root: Path = ROOT) -> dict[str, str]:
    """Return the digest of each part's inputs, as they are in the work tree."""
    command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run(
        [*command, "--exclude-standard"], capture_output=True, check=True
    )
    paths = sorted({path.decode() for path in listed.stdout.split(b"\0") if path})
    return {name: _digest(root, paths, PARTS[name]) for name in list_decided()}


def _digest(root: Path, paths: list[str], part: Part) -> str:
    digest = sha256()
    for path in paths:
        if any(fnmatch(path, pattern) for pattern in part.inputs):
            file = root / path
            content = file.read_bytes() if file.is_file() else b""
            digest.update(f"{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def read_passed(path: Path = DIGESTS) -> dict[str, tuple[str, str]]:
    """Return the digest and the day of each part that has passed."""
    lines = path.read_text("ascii").splitlines()
    return {name: (digest, day) for name, digest, day in map(str.split, lines)}


def find_unchanged(root: Path = ROOT, path: Path = DIGESTS) -> dict[str, str]:
    """Return the day of the last pass of each part whose inputs are the same since then."""
    digests = compute_digests(root)
    return {
        name: day
        for name, (digest, day) in read_passed(path).items()
        if digests.get(name) == digest
    }


def write_passed(
    names: list[str], today: str, root: Path = ROOT, path: Path = DIGESTS
) -> None:
    """Note that these parts passed with the inputs of now; what did not change keeps its day."""
    digests = compute_digests(root)
    passed = read_passed(path)
    for name in names:
        if passed.get(name, ("", ""))[0] != digests[name]:
            passed[name] = digests[name], today
    lines = [f"{name} {' '.join(passed[name])}\n" for name in PARTS if name in passed]
    path.write_text("".join(lines), "ascii")


def find_part(item) -> str | None:
    """Return the part that a collected test belongs to. Raises KeyError where it is no part."""
    if marker := item.get_closest_marker("weekly"):
        [name] = marker.args
        if name not in PARTS:
            raise KeyError(f"{item.nodeid}: tests/weekly.py has no part {name!r}")
        return name
    if marker := item.get_closest_marker("real"):
        from tests.real.programs import PROGRAMS

        return PROGRAMS[marker.args[0]].part
    return None


def list_decided() -> list[str]:
    """Return the parts that files decide."""
    return [name for name, part in PARTS.items() if part.inputs]


def find_wanted(is_sample: bool, is_complete: bool) -> set[str]:
    """Return the parts that this run has: pytest on its own has every part it is given."""
    if is_sample:
        return set()
    if is_complete:
        return set(list_decided()) - find_unchanged().keys()
    return set(PARTS)


def summarize(unchanged: dict[str, str]) -> list[str]:
    """Return what `.ci/run` says of the parts, a line each."""
    lines = []
    for name, part in PARTS.items():
        if not part.inputs:
            reason = "left out: `make weekly` alone has it"
        elif name in unchanged:
            reason = f"left out: its inputs are as on {unchanged[name]}, when it passed"
        else:
            reason = "ran too: its inputs changed, so this took longer"
        lines.append(f"weekly part {name} ({part.shows}) {reason}")
    return lines


def run(name: str) -> bool:
    """Run a command, or the tests of a part on every core; return whether it passed."""
    print(f"== {name}", flush=True)
    if name in COMMANDS:
        command = COMMANDS[name]
        environment = dict(os.environ)
    else:
        command = ("-m", "pytest", "-q", "-n", "auto", "--dist=loadgroup")
        environment = os.environ | {"MERLIN_REQUIRE_ALL": "1", "MERLIN_WEEKLY": name}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment)
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    """Do what the module's first lines say; return the exit code."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    if arguments == ["write"]:
        write_passed(list_decided(), today)
        return 0
    names = [*PARTS, *COMMANDS]
    if unknown := set(arguments) - set(names):
        print(f"no part: {' '.join(unknown)}; there are {' '.join(names)}")
        return 2
    failed = []
    for name in arguments or names:
        if not run(name):
            failed.append(name)
        elif name in list_decided():
            write_passed([name], today)
    print(f"failed: {' '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
