"""Changes one condition at a time, and names the changes that no test notices.

    python -m tests.mutations --since main~5        what changed since a commit, or "1 week ago"
    python -m tests.mutations merlin/core/facts.py  these files
    python -m tests.mutations --most 40 --seed 7    at most 40 changes, drawn by the seed

Of `a and b` each side is left out, `not` is taken away, a comparison is turned or moved by its
boundary, the first becomes the last, the least the greatest, a table loses a member, a subtraction
its second number, `removesuffix` and its like do nothing, true is false, and SQL's DESC is ASC.
Each change is made in a copy of the tree, and the tests nearest to the file run there
(tests/quick.py); a run that lasts longer than three times the unchanged one counts as noticed. A
change that means the same as before survives rightly: read the list, it is no score.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tests.individual_coverage import ROOT
from tests.quick import choose, list_changed

LEAST_S = 60.0
_TURNED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OTHER_CALL = {"min": "max", "max": "min", "any": "all", "all": "any"}
_WITHOUT_EFFECT = {"removesuffix", "removeprefix", "strip", "lstrip", "rstrip"}
_WITHOUT_EFFECT |= {"casefold", "lower"}


@dataclass(frozen=True)
class Mutant:
    """A file with one expression replaced."""

    path: str
    line: int
    old: str
    new: str
    content: bytes

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.old} → {self.new}"


def find_mutants(path: str, content: bytes) -> list[Mutant]:
    """Return every change of a file, in the order of its lines."""
    starts = [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    mutants = []
    for node in ast.walk(ast.parse(content)):
        for changed in _change(node):
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            new = ast.unparse(changed)
            text = content[:begin] + f"({new})".encode() + content[end:]
            old = " ".join(content[begin:end].decode().split())
            mutants.append(Mutant(path, node.lineno, old, new, text))
    return sorted(mutants, key=lambda mutant: mutant.line)


def _change(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that an expression becomes."""
    yield from _change_condition(node)
    yield from _change_value(node)


def _change_condition(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.BoolOp():
            for position in range(len(node.values)):
                rest = node.values[:position] + node.values[position + 1 :]
                yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Compare(ops=[op]):
            yield ast.Compare(node.left, [_TURNED[type(op)]()], node.comparators)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=str()) if " DESC" in node.value:
            yield ast.Constant(node.value.replace(" DESC", " ASC"))


def _change_value(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Subscript(slice=ast.Constant(value=0)):
            yield ast.Subscript(node.value, ast.Constant(-1), ast.Load())
        case ast.Subscript(
            slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))
        ):
            yield ast.Subscript(node.value, ast.Constant(0), ast.Load())
        case ast.Call(func=ast.Name(id=name)) if name in _OTHER_CALL:
            yield ast.Call(ast.Name(_OTHER_CALL[name]), node.args, node.keywords)
        case ast.Call(func=ast.Attribute(attr=name)) if name in _WITHOUT_EFFECT:
            yield node.func.value
        case ast.BinOp(op=ast.Sub()):
            yield node.left
        case ast.Tuple(ctx=ast.Load()) | ast.List(ctx=ast.Load()) | ast.Set():
            if len(node.elts) > 2:
                yield type(node)(node.elts[1:])
                yield type(node)(node.elts[:-1])


def run_tests(folder: Path, tests: list[str], within_s: float) -> bool:
    """Return whether these tests pass in a copy of the tree before a deadline."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=folder,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=within_s,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def try_mutant(
    copies: SimpleQueue[Path], tests: list[str], limit_s: float, mutant: Mutant
) -> bool:
    """Return whether a change survives, tried in a copy that is as before afterwards."""
    copy = copies.get()
    file = copy / mutant.path
    before = file.read_bytes()
    file.write_bytes(mutant.content)
    try:
        return run_tests(copy, tests, limit_s)
    finally:
        file.write_bytes(before)
        copies.put(copy)


def copy_tree(target: Path) -> Path:
    """Copy the files that git has or does not ignore, with a repository that knows them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".git").symlink_to(ROOT / ".git")
    return target


def try_all(mutants: list[Mutant]) -> Iterator[Mutant]:
    """Yield the changes that survive; those of files whose tests fail unchanged are not tried."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(os.cpu_count() or 1):
            copies.put(copy_tree(Path(folder, str(number))))
        for path in dict.fromkeys(mutant.path for mutant in mutants):
            of_file = [mutant for mutant in mutants if mutant.path == path]
            tests = choose([path])
            begun = time.monotonic()
            if not tests or not run_tests(ROOT, tests, 10 * LEAST_S):
                print(
                    f"{path}: no test is near, or its tests fail as it is", flush=True
                )
                continue
            limit_s = LEAST_S + 3 * (time.monotonic() - begun)
            attempts = pool.map(partial(try_mutant, copies, tests, limit_s), of_file)
            yield from (
                m for m, survives in zip(of_file, attempts, strict=True) if survives
            )


def main(arguments: list[str]) -> int:
    """Print the survivors; return 1 where there are some."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--since", default="HEAD~1")
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args(arguments)
    since = wanted.since
    if since.endswith(" ago"):
        command = ["git", "rev-list", "-1", f"--before={since}", "HEAD"]
        since = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
    paths = wanted.files or [
        path for path in list_changed(since) if path.startswith("merlin/")
    ]
    mutants = [
        mutant
        for path in paths
        if path.endswith(".py")
        for mutant in find_mutants(path, (ROOT / path).read_bytes())
    ]
    draw = random.Random(wanted.seed)  # noqa: S311 - no secret
    chosen = draw.sample(mutants, min(wanted.most, len(mutants)))
    chosen.sort(key=lambda mutant: (mutant.path, mutant.line))
    survivors = 0
    for survivor in try_all(chosen):
        survivors += 1
        print(survivor, flush=True)
    print(f"{survivors} of {len(chosen)} changes survive, of {len(mutants)} in all")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
