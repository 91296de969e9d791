"""The specification names a test for every item, and only tests that exist."""

import re

import pytest

from tests.support.markdown_pages import ROOT, read_page

pytestmark = pytest.mark.unit

ROWS = read_page("docs", "specification.md").rows
# How many items each part has: one that is taken out is missed. Faults are as many as were found.
PARTS = {"U": 18, "A": 15, "B": 20, "J": 8, "P": 5, "D": 8, "T": 16}


def list_named(cell):
    """Return the tests that a cell names: a file or folder, or one test of a file."""
    return re.findall(r"`(tests/[^`]+)`", cell)


def is_test(named):
    path, _, name = named.partition("::")
    if not name:
        return (ROOT / path).exists()
    file = ROOT / path
    function = re.compile(rf"^(    )?def {name}\(", re.MULTILINE)
    return (
        name.startswith("test_")
        and file.is_file()
        and function.search(file.read_text("utf-8")) is not None
    )


def find_missing(rows):
    """Return the items that name no test, and the named tests that do not exist.

    "the same" stands for the tests of the row above.
    """
    missing = []
    above = []
    for item, _, cell in rows:
        named = list_named(cell) or (above if cell.startswith("the same") else [])
        missing += [] if named else [item]
        missing += [each for each in list_named(cell) if not is_test(each)]
        above = named
    return missing


def test_every_item_is_listed_and_names_an_existing_test():
    items = [row[0] for row in ROWS]
    expected = [
        f"{part}{n}" for part, size in PARTS.items() for n in range(1, size + 1)
    ]
    assert [item for item in items if item[0] != "F"] == expected
    assert len(set(items)) == len(items)
    assert find_missing(ROWS) == []


HERE = "tests/docs/test_specification.py"


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (["a page alone"], ["X0"]),
        (["the same"], ["X0"]),
        ([f"`{HERE}`", "the same", "the same", "none"], ["X3"]),
        ([f"`{HERE}`", "[Page](page.md)", "the same"], ["X1", "X2"]),
        ([f"`{HERE}`, `{HERE}::test_nothing`"], [f"{HERE}::test_nothing"]),
        ([f"the same; `{HERE}::is_test`"], [f"{HERE}::is_test"]),
        (["`tests/docs/test_nothing.py`"], ["tests/docs/test_nothing.py"]),
        (["`tests/none.py::test_a`"], ["tests/none.py::test_a"]),
    ],
)
def test_item_without_a_test_and_a_test_that_does_not_exist_are_found(cells, missing):
    rows = [(f"X{number}", "", cell) for number, cell in enumerate(cells)]
    assert find_missing(rows) == missing
