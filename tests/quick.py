"""The tests that are nearest to what changed, in about a minute: `make quick`.

    python -m tests.quick          what changed since the last commit, or in it where nothing did
    python -m tests.quick main~3   what changed since that commit

These are the changed test files, the tests of each changed file (tests/individual_coverage.py), the
test files that import it, and for files of other kinds the folders of NEAR. No recording of earlier
runs is read, so a fresh clone has it too.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.individual_coverage import ROOT, match_all

# Where the tests stand of files that no test imports, by the beginning of a path.
NEAR = {
    "merlin/locale/": ("tests/locale",),
    "merlin/web/": ("tests/api/test_pages.py", "tests/browser/test_ten_pages.py"),
    "merlin/api/": ("tests/api/test_pages.py",),
    "merlin/db/migrations/": ("tests/db/test_migrations.py",),
    "docs/": ("tests/docs",),
    "README": ("tests/docs",),
    "CHANGELOG": ("tests/docs",),
    "config.yaml": ("tests/config",),
    "deploy/": ("tests/deploy",),
    "systemd/": ("tests/systemd/test_units.py",),
    "requirements": ("tests/release/test_requirements.py",),
    "pyproject.toml": ("tests/release",),
}


def list_changed(since: str, root: Path = ROOT) -> list[str]:
    """Return the paths that differ from a commit, new files included and removed ones left out."""

    def read_paths(*arguments: str) -> list[str]:
        command = ["git", "-C", str(root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    changed = read_paths("diff", "--name-only", "--diff-filter=d", since)
    return sorted({*changed, *read_paths("ls-files", "--others", "--exclude-standard")})


def choose(changed: list[str], root: Path = ROOT) -> list[str]:
    """Return the test files and folders to run for these paths, the nearest first."""
    tests = sorted(
        str(path.relative_to(root)) for path in root.glob("tests/*/test_*.py")
    )
    own = match_all(root)
    modules = {_name_module(path) for path in changed if path.endswith(".py")}
    chosen = [path for path in changed if path in tests]
    for path in changed:
        chosen += own.get(path, [])
        chosen += [
            test for start in NEAR if path.startswith(start) for test in NEAR[start]
        ]
    chosen += [
        test for test in tests if not modules.isdisjoint(_list_imported(root / test))
    ]
    return list(dict.fromkeys(chosen))


def _name_module(path: str) -> str:
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


def _list_imported(path: Path) -> Iterator[str]:
    """Yield the names of modules, or of what might be modules, that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def main(arguments: list[str]) -> int:
    """Run the tests; return pytest's exit code."""
    changed = list_changed(*arguments) if arguments else list_changed("HEAD")
    if not changed and not arguments:
        changed = list_changed("HEAD~1")
    chosen = choose(changed)
    if not chosen:
        print(
            f"no test is near to {' '.join(changed)}: `make test` has a sample of all"
        )
        return 0
    print("Tests near to what changed:", *chosen, sep="\n  ", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist=loadgroup"]
    return subprocess.run([*command, *chosen], cwd=ROOT, env=os.environ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
