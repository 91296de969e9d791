"""The specification names a test for every item, and only tests that exist."""

import re

import pytest

from tests.support.markdown_pages import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
ROWS = {
    row[1]: row[2]
    for row in re.finditer(r"^\| ([UATF]\d+) \|(.*)\|$", PAGE, re.MULTILINE)
}
ITEMS = [
    f"{group}{number}"
    for group, count in (("U", 18), ("A", 15), ("T", 16))
    for number in range(1, count + 1)
]


def test_every_item_is_listed_and_names_an_existing_test():
    assert set(ITEMS) <= ROWS.keys()
    assert [
        item
        for item, row in ROWS.items()
        if "`tests/" not in row and "the same" not in row
    ] == []
