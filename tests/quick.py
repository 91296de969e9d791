"""The tests that are nearest to what changed, in about a minute: `make quick`.

    python -m tests.quick          what changed since the last commit, or in it where nothing did
    python -m tests.quick main~3   what changed since that commit

These are the changed test files; of each other changed file the tests of its name
(tests/individual_coverage.py), at most eight test files that import it, or, where there are none,
the tests of the files that use it; and for files of other kinds what NEAR says. No recording of an
earlier run is needed, so a fresh clone has it too.
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
# Of test files that import a changed file: a hundred import the context of all acts.
MOST_IMPORTING = 8


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
    tests = _list_files(root, "tests/*/test_*.py")
    imported = {test: set(_list_imported(root / test)) for test in tests}
    own = match_all(root)
    chosen = [path for path in changed if path in tests]
    for path in changed:
        module = _name_module(path)
        importing = [test for test in tests if module in imported[test]]
        # Those of the same package first.
        importing.sort(key=lambda test: Path(test).parts[1] != Path(path).parts[1])
        near = [
            *own.get(path, []),
            *(test for start in NEAR if path.startswith(start) for test in NEAR[start]),
            *importing[:MOST_IMPORTING],
        ]
        chosen += near or _find_tests_of_users(module, own, root)
    return list(dict.fromkeys(chosen))


def _find_tests_of_users(
    module: str, own: dict[str, list[str]], root: Path
) -> list[str]:
    """Return the tests of the files that import a module which no test imports."""
    users = _list_files(root, "merlin/**/*.py")
    users = [path for path in users if module in _list_imported(root / path)]
    return [test for path in users for test in own.get(path, [])]


def _list_files(root: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.glob(pattern))


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
