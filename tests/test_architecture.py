"""The shape of the code, kept by tests."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "merlin").rglob("*.py"))
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 50
BANNED = {"utils", "helpers", "common", "manager", "data", "info"}


def functions(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def length(node):
    docstring = ast.get_docstring(node, clean=False)
    return node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def test_imports_follow_the_contracts():
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file_is_short_and_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module starts with one sentence of purpose"
    assert text.count("\n") <= MAX_FILE_LINES
    assert path.stem not in BANNED
    for node in functions(tree):
        assert length(node) <= MAX_FUNCTION_LINES, f"{node.name} is too long"


def test_functions_are_short_on_the_whole():
    lengths = [length(n) for p in FILES for n in functions(ast.parse(p.read_text("utf-8")))]
    assert statistics.mean(lengths) <= 12
    assert statistics.median(lengths) <= 8


def test_files_are_short_on_the_whole():
    lines = [path.read_text("utf-8").count("\n") for path in FILES]
    assert statistics.median(lines) <= 130
