"""Which changes `make mutations` makes."""

import ast

import pytest

from tests.mutations import find_mutants

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("a and b and c", {"b and c", "a and c", "a and b"}),
        ("not a", {"a"}),
        ("a <= b", {"a < b"}),
        ("a not in b", {"a in b"}),
        ("a < b < c", set()),
        ("a[0]", {"a[-1]"}),
        ("a[-1]", {"a[0]"}),
        ("min(a)", {"max(a)"}),
        ("a.removesuffix(b)", {"a"}),
        ("a - b", {"a"}),
        ("(a, b, c)", {"b, c", "a, b"}),
        ("a, b", set()),
        ("'ORDER BY x DESC'", {"'ORDER BY x ASC'"}),
        ("True", {"False"}),
    ],
)
def test_each_condition_is_changed_alone(line, changes):
    content = f"é = 'é'\nx = {line}  # é\n".encode()
    mutants = find_mutants("a.py", content)
    texts = {mutant.content.decode().splitlines()[1] for mutant in mutants}
    assert texts == {f"x = ({each})  # é" for each in map(_unparse, changes)}


def _unparse(change):
    return ast.unparse(ast.parse(change, mode="eval"))
