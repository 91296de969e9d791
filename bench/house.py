"""The size and shape of the code: `python -m bench house [--json] [--walks] [REVISION…]`.

Counted by `ast` under merlin/, in the working tree and in each revision: lines, files, classes,
Protocols and those with one implementation, modules that one other imports, the widest list of
imports, private names taken from others, definitions with a retired name. With `--walks` also the
files of both ways, from a run of the demo under a profiler (`bench.walk`); with `--names` each
definition with a retired name. A thermometer, never a test.
"""

from __future__ import annotations

import ast
import json
import subprocess
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from bench.walk import walks

ROOT = Path(__file__).parents[1]
# Names of modules, classes and functions that the field has words for, as methods too.
RETIRED = frozenset((Path(__file__).parent / "retired_names.txt").read_text("utf-8").split())


def run(words: Sequence[str] = ()) -> None:
    """Print a table: a row a figure, a column the working tree and each revision."""
    options = {word for word in words if word.startswith("--")}
    columns: dict[str, Mapping[str, object]] = {}
    for name in ("working tree", *(word for word in words if word not in options)):
        with _tree(name) as root:
            if "--names" in options:
                print(
                    "\n".join(
                        f"{where} {what}" for where, what in _retired(_trees(root / "merlin"))
                    )
                )
                continue
            columns[name] = {
                **figures(root / "merlin"),
                **(_ways(root) if "--walks" in options else {}),
            }
    if "--json" in options:
        print(json.dumps(columns, indent=1, ensure_ascii=False))
    elif columns:
        _show(columns)


def _show(columns: Mapping[str, Mapping[str, object]]) -> None:
    print(f"| what | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in next(iter(columns.values())):
        cells = [column[name] for column in columns.values()]
        if all(isinstance(cell, int) for cell in cells):
            print(f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |")
    for column, told in columns.items():
        for name, files in told.items():
            if isinstance(files, list):
                print(f"\n{column}, {name}:\n" + "\n".join(files))


@contextmanager
def _tree(revision: str) -> Iterator[Path]:
    if revision == "working tree":
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        command = ["git", "-C", str(ROOT), "archive", revision]
        archive = subprocess.run(command, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        yield Path(folder)


def _ways(root: Path) -> Mapping[str, object]:
    values: dict[str, object] = {}
    for name, walk in walks(root).items():
        for of, way in (("", walk), (" of its subjects", walk.subject)):
            values[f"{name}: files{of}"] = len(way.files)
            values[f"{name}: folders{of}"] = way.folders
            values[f"{name}: changes of folder{of}"] = way.changes
        values[f"{name}: way"] = list(walk.files)
    return values


def _trees(package: Path) -> Mapping[str, ast.Module]:
    return {_module(path, package): _parsed(path) for path in sorted(package.rglob("*.py"))}


def _retired(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """Yield where each definition with a retired name is, and its name."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for module, tree in trees.items():
        if module.rpartition(".")[2] in RETIRED:
            yield module, "module"
        for node in ast.walk(tree):
            if isinstance(node, kinds) and node.name.lstrip("_") in RETIRED:
                yield f"{module}:{node.lineno}", node.name


def figures(package: Path) -> Mapping[str, int]:
    """Return the figures of one tree by name."""
    trees = _trees(package)
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
        "modules with one importer": sum(len(importer) == 1 for importer in importers.values()),
        "widest import list": widest,
        "private names imported from other packages": private,
        "definitions with a retired name": sum(1 for _ in _retired(trees)),
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
    wanted = [_methods(protocol) for protocol in protocols]
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
            # The typing of the standard library, which no program can import, lies in _typeshed.
            is_typing = steps[0] == "_typeshed"
            private += not is_typing and any(
                step.startswith("_") and step[1:2] != "_" for step in steps
            )
            for name in node.names:
                full = f"{node.module}.{name.name}"
                imported.add(full if full in trees else node.module)
        for each in imported & trees.keys():
            importers[each].add(module)
        width[module] = sum(each.startswith("merlin") for each in imported)
    return importers, max(width.values()), private
