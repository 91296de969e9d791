"""The size and shape of the code: `python -m bench house [REVISION…]`, the working tree and those.

Counted by `ast` under merlin/: lines, files, classes, Protocols and those with one implementation,
modules that one other imports, the widest list of imports, private names taken from others.
A thermometer, never a test.
"""

from __future__ import annotations

import ast
import subprocess
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = (
    "files",
    "lines",
    "files under 60 lines",
    "classes",
    "Protocols",
    "Protocols with one implementation at most",
    "modules with one importer",
    "widest import list",
    "private names imported from other packages",
)


def run(revisions: Sequence[str] = ()) -> None:
    """Print a table: a row a figure, a column the working tree and each revision."""
    columns = {"working tree": figures(ROOT / "merlin")}
    for revision in revisions:
        with tempfile.TemporaryDirectory() as folder:
            command = ["git", "-C", str(ROOT), "archive", revision, "merlin"]
            archive = subprocess.run(command, capture_output=True, check=True).stdout
            with tarfile.open(fileobj=BytesIO(archive)) as packed:
                packed.extractall(folder, filter="data")
            columns[revision] = figures(Path(folder) / "merlin")
    print(f"| what | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in ROWS:
        print(f"| {name} | {' | '.join(f'{column[name]:,}' for column in columns.values())} |")


def figures(package: Path) -> Mapping[str, int]:
    """Return the figures of one tree by name."""
    trees = {_module(path, package): _parsed(path) for path in sorted(package.rglob("*.py"))}
    sizes = [path.read_text("utf-8").count("\n") for path in package.rglob("*.py")]
    classes = [
        node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    protocols = [each for each in classes if _is_protocol(each)]
    importers, widest, private = _imports(trees)
    return {
        "files": len(trees),
        "lines": sum(sizes),
        "files under 60 lines": sum(size < 60 for size in sizes),
        "classes": len(classes),
        "Protocols": len(protocols),
        "Protocols with one implementation at most": _lonely(protocols, classes),
        "modules with one importer": sum(len(each) == 1 for each in importers.values()),
        "widest import list": widest,
        "private names imported from other packages": private,
    }


def _module(path: Path, package: Path) -> str:
    steps = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(steps[:-1] if steps[-1] == "__init__" else steps)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _is_protocol(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in node.bases)


def _methods(node: ast.ClassDef) -> frozenset[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {each.name for each in node.body if isinstance(each, kinds)}
    return frozenset(name for name in names if not name.startswith("_"))


def _lonely(protocols: Sequence[ast.ClassDef], classes: Sequence[ast.ClassDef]) -> int:
    """Count the Protocols whose public methods stand together in one other class at most."""
    others = [_methods(each) for each in classes if not _is_protocol(each)]
    wanted = [_methods(each) for each in protocols]
    return sum(sum(names <= other for other in others) <= 1 for names in wanted if names)


def _imports(trees: Mapping[str, ast.Module]) -> tuple[Mapping[str, set[str]], int, int]:
    """Return who imports each module, how many modules the widest imports, private names taken."""
    importers: dict[str, set[str]] = defaultdict(set)
    width: Counter[str] = Counter()
    private = 0
    for module, tree in trees.items():
        imported = set()
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            steps = node.module.split(".")
            private += any(step.startswith("_") and step[1:2] != "_" for step in steps)
            for name in node.names:
                full = f"{node.module}.{name.name}"
                imported.add(full if full in trees else node.module)
        for each in imported & trees.keys():
            importers[each].add(module)
        width[module] = sum(each.startswith("merlin") for each in imported)
    return importers, max(width.values()), private
