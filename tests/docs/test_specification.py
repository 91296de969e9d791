"""The specification names every item of the list, and tests that there are."""

from __future__ import annotations

import re

import pytest

from tests.support.markdown_pages import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
ROWS = {row[1]: row[2] for row in re.finditer(r"^\| ([UATF]\d+) \|(.*)\|$", PAGE, re.MULTILINE)}
ITEMS = [
    f"{group}{number}"
    for group, count in (("U", 18), ("A", 15), ("T", 15), ("F", 25))
    for number in range(1, count + 1)
]


def test_every_item_is_there_and_names_a_test_that_exists():
    told = {item: ROWS[item] for item in ITEMS}
    assert [
        item for item, words in told.items() if "`tests/" not in words and "the same" not in words
    ] == []


def test_a_named_test_exists():
    for named in set(re.findall(r"`(tests/[^`]+)`", PAGE)):
        path, _, test = named.partition("::")
        assert (ROOT / path).exists()
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), named
