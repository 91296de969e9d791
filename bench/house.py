"""Measure the size and structure of the code: `python -m bench house [OPTION…] [REVISION…]`.

Counted with `ast` under merlin/, in the working tree and in each revision: lines, files, classes,
Protocols and those with one implementation, modules with one importer, the longest list of imports,
private names imported from other packages, definitions with a retired name. `--walks` adds the
files on both code paths, from a run of the demo under a profiler (`bench.walk`); `--names` prints
each definition with a retired name; `--json` prints JSON. These figures are not tested.
"""

import ast
import json
import shutil
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.walk import measure_walks

ROOT = Path(__file__).parents[1]
# Metaphors that were replaced by usual technical terms: names of modules, classes and functions.
RETIRED = frozenset((Path(__file__).parent / "retired_names.txt").read_text("utf-8").split())


def run(arguments: Sequence[str] = ()) -> None:
    """Print a table with a row per figure, and columns for the working tree and each revision."""
    options = {word for word in arguments if word.startswith("--")}
    columns: dict[str, Mapping[str, object]] = {}
    for name in ("working tree", *(word for word in arguments if word not in options)):
        with _checkout(name) as root:
            if "--names" in options:
                for position, definition in _find_retired(_parse_modules(root / "merlin")):
                    print(position, definition)
                continue
            columns[name] = {
                **measure(root / "merlin"),
                **(_measure_walks(root) if "--walks" in options else {}),
            }
    if "--json" in options:
        print(json.dumps(columns, indent=1, ensure_ascii=False))
    elif columns:
        _print_table(columns)


def _print_table(columns: Mapping[str, Mapping[str, object]]) -> None:
    print(f"| what | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in next(iter(columns.values())):
        cells = [column[name] for column in columns.values()]
        if all(isinstance(cell, int) for cell in cells):
            print(f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |")
    for column, figures_by_name in columns.items():
        for name, files in figures_by_name.items():
            if isinstance(files, list):
                print(f"\n{column}, {name}:\n" + "\n".join(files))


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    if revision == "working tree":
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/checkout.tar"
        command = ["git", "-C", str(ROOT), "archive", "-o", archive, revision]
        subprocess.run(command, check=True)
        shutil.unpack_archive(archive, f"{folder}/checkout")
        yield Path(folder, "checkout")


def _measure_walks(root: Path) -> Mapping[str, object]:
    values: dict[str, object] = {}
    for name, walk in measure_walks(root).items():
        for suffix, files_of_walk in (("", walk), (" of its subjects", walk.subject)):
            values[f"{name}: files{suffix}"] = len(files_of_walk.files)
            values[f"{name}: folders{suffix}"] = files_of_walk.folders
            values[f"{name}: changes of folder{suffix}"] = files_of_walk.changes
        values[f"{name}: way"] = list(walk.files)
    return values


def _parse_modules(package: Path) -> Mapping[str, ast.Module]:
    return {_module_name(path, package): _parse(path) for path in sorted(package.rglob("*.py"))}


def _find_retired(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """Yield the position and name of each definition with a retired name."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for module, tree in trees.items():
        if module.rpartition(".")[2] in RETIRED:
            yield module, "module"
        for node in ast.walk(tree):
            if isinstance(node, kinds) and node.name.lstrip("_") in RETIRED:
                yield f"{module}:{node.lineno}", node.name


def measure(package: Path) -> Mapping[str, int]:
    """Return the figures of one tree by name."""
    trees = _parse_modules(package)
    sizes = [path.read_text("utf-8").count("\n") for path in package.rglob("*.py")]
    classes = [
        node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    protocols = [node for node in classes if _is_protocol(node)]
    importers, widest, private = _imports(trees)
    return {
        "files": len(trees),
        "lines": sum(sizes),
        "files under 60 lines": sum(size < 60 for size in sizes),
        "classes": len(classes),
        "Protocols": len(protocols),
        "Protocols with one implementation at most": _count_single(protocols, classes),
        "modules with one importer": sum(len(importer) == 1 for importer in importers.values()),
        "widest import list": widest,
        "private names imported from other packages": private,
        "definitions with a retired name": sum(1 for _ in _find_retired(trees)),
    }


def _module_name(path: Path, package: Path) -> str:
    steps = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(steps[:-1] if steps[-1] == "__init__" else steps)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _is_protocol(node: ast.ClassDef) -> bool:
    # Not asyncio.Protocol, whose subclasses are implementations.
    return any(ast.unparse(base).partition("[")[0] == "Protocol" for base in node.bases)


def _methods(node: ast.ClassDef) -> frozenset[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {member.name for member in node.body if isinstance(member, kinds)}
    return frozenset(name for name in names if not name.startswith("_"))


def _members(node: ast.ClassDef) -> frozenset[str]:
    """Return the public methods and the class attributes: these can implement a property."""
    targets = [
        target for each in node.body if isinstance(each, ast.Assign) for target in each.targets
    ]
    targets += [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
    return _methods(node) | {target.id for target in targets if isinstance(target, ast.Name)}


def _count_single(protocols: Sequence[ast.ClassDef], classes: Sequence[ast.ClassDef]) -> int:
    """Count the Protocols whose public methods are all in one other class at most."""
    others = [_members(node) for node in classes if not _is_protocol(node)]
    required = [_methods(protocol) for protocol in protocols]
    return sum(sum(names <= other for other in others) <= 1 for names in required if names)


def _imports(trees: Mapping[str, ast.Module]) -> tuple[Mapping[str, set[str]], int, int]:
    """Return module -> importers, the largest number of imports, and that of private names."""
    importers: dict[str, set[str]] = defaultdict(set)
    width: Counter[str] = Counter()
    private = 0
    for module, tree in trees.items():
        imported = set()
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            steps = node.module.split(".")
            # _typeshed has types of the standard library, which are only for type checkers.
            is_typing = steps[0] == "_typeshed"
            private += not is_typing and any(
                step.startswith("_") and step[1:2] != "_" for step in steps
            )
            for name in node.names:
                full = f"{node.module}.{name.name}"
                imported.add(full if full in trees else node.module)
        for other in imported & trees.keys():
            importers[other].add(module)
        width[module] = sum(other.startswith("merlin") for other in imported)
    return importers, max(width.values()), private
