"""The specification names every item of the list, and tests that there are."""

from __future__ import annotations

import re

import pytest
from markdown_pages import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
ROWS = {row[1]: row[2] for row in re.finditer(r"^\| ([UATF]\d+) \|(.*)\|$", PAGE, re.MULTILINE)}
ITEMS = [
    f"{group}{number}"
    for group, count in (("U", 18), ("A", 15), ("T", 15), ("F", 25))
    for number in range(1, count + 1)
]


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_is_there_and_names_a_test_that_exists(item):
    words = ROWS[item]
    assert "`tests/" in words or "the same" in words


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE))))
def test_a_named_test_exists(named):
    path, _, test = named.partition("::")
    assert (ROOT / path).exists()
    assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")
