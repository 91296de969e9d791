"""Measure the size of the code: `python -m bench house [--walks] [REVISION…]`.

Counted with `ast` in the working tree and in each revision. A statement is what a reader reads one
of: a line may hold half of one, or two. Docstrings are none. `--walks` adds the files on the two
code paths of `bench.walk`, from a run of the demo under a profiler. These figures are not tested.
"""

import ast
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.processes import ROOT
from bench.walk import measure_walks
from tests.support.archives import unpack

PACKAGES = ("merlin", "tests", "bench")
LONG = 50
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (ast.Module, ast.ClassDef, *_FUNCTIONS)
Figures = dict[str, int | float]


def run(arguments: Sequence[str] = ()) -> None:
    """Print a table with a row per figure, and columns for the working tree and each revision."""
    revisions = ["working tree", *(word for word in arguments if word != "--walks")]
    columns: dict[str, Figures] = {}
    for name in revisions:
        with _checkout(name) as root:
            columns[name] = {
                f"{package}: {what}": value
                for package in PACKAGES
                for what, value in measure(root / package).items()
            }
            if "--walks" in arguments:
                columns[name] |= _measure_walks(name, root)
    print(f"| what | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for what in columns["working tree"]:
        cells = [f"{column.get(what, 0):,}" for column in columns.values()]
        print(f"| {what} | {' | '.join(cells)} |")


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    if revision == "working tree":
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/checkout.tar"
        command = ["git", "-C", str(ROOT), "archive", "-o", archive, revision]
        subprocess.run(command, check=True)
        unpack(archive, f"{folder}/checkout")
        yield Path(folder, "checkout")


def _measure_walks(name: str, root: Path) -> Figures:
    figures: Figures = {}
    for title, walk in measure_walks(root).items():
        print(f"{name}, {title}:", *walk.files, sep="\n")
        figures[f"{title}: files"] = len(walk.files)
        figures[f"{title}: files of its subjects"] = len(walk.list_own_files())
        figures[f"{title}: changes of process or thread"] = walk.changes
    return figures


def measure(package: Path) -> Mapping[str, int | float]:
    """Return the figures of one folder by name."""
    texts = [path.read_text("utf-8") for path in package.rglob("*.py")]
    trees = [ast.parse(text) for text in texts]
    nodes = [[*ast.walk(tree)] for tree in trees]
    code = [
        line for each in zip(texts, nodes, strict=True) for line in _list_code(*each)
    ]
    every = [node for of_file in nodes for node in of_file]
    functions = [node for node in every if isinstance(node, _FUNCTIONS)]
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for node in functions]
    statements = sum(isinstance(node, ast.stmt) for node in every)
    return {
        "files": len(texts),
        "lines": sum(text.count("\n") for text in texts),
        "statements": statements - sum(map(_has_docstring, every)),
        "characters a code line": round(sum(map(len, code)) / len(code), 1),
        "nodes a code line": round(len(every) / len(code), 1),
        f"functions over {LONG} lines": sum(length > LONG for length in lengths),
        "widest import list": max(map(_count_imports, trees)),
    }


def _has_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, _DOCUMENTED)
        and ast.get_docstring(node, clean=False) is not None
    )


def _list_code(text: str, nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the lines that are neither empty, nor a comment, nor a docstring."""
    inside: set[int] = set()
    for node in nodes:
        if isinstance(node, _DOCUMENTED) and _has_docstring(node):
            docstring = node.body[0]
            inside.update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    for number, line in enumerate(text.splitlines(), 1):
        code = line.strip()
        if code and not code.startswith("#") and number not in inside:
            yield code


def _count_imports(tree: ast.Module) -> int:
    """Return how many modules of Merlin a module imports."""
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "merlin"
        ):
            imported.update(f"{node.module}.{each.name}" for each in node.names)
    return len({name.rpartition(".")[0] for name in imported})
