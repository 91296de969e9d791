"""The page of ASVS 5.0: each requirement of levels 1 and 2 once, and existing tests and pages."""

from collections import Counter

import pytest

from docs.build.asvs import asvs_told, chapters, requirements, state_of
from tests.support.markdown_pages import ROOT

pytestmark = pytest.mark.unit

ROWS = [row for chapter in chapters() for row in chapter["rows"]]
ALL = [requirement for row in ROWS for requirement in requirements(row)]


def test_each_requirement_of_both_levels_is_listed_once_in_its_chapter():
    # Source: OWASP ASVS 5.0.0, docs_en, the CSV of all requirements.
    assert Counter(level for level, _ in ALL) == {"l1": 70, "l2": 183}
    assert len({number for _, number in ALL}) == len(ALL)
    for chapter in chapters():
        numbers = [number for row in chapter["rows"] for _, number in requirements(row)]
        assert {f"V{number.split('.')[0]}" for number in numbers} == {chapter["id"]}


def test_each_test_that_proves_a_requirement_exists():
    tests = {test for row in ROWS for test in row.get("tests", ())}
    for test in tests:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / path).read_text("utf-8"), test


def test_row_has_one_state_and_texts_in_both_languages():
    for row in ROWS:
        assert sum(key in row for key in ("tests", "page", "state")) == 1, row
        assert state_of(row) in {"tested", "written", "operator", "none", "missing"}
        assert row["en"], row
        assert row["ru"], row
        assert "page" not in row or (ROOT / "docs/en" / row["page"]).is_file(), row


def test_sums_count_every_requirement():
    sums = [
        line.split(" | ") for line in asvs_told("en").split("\n\n")[0].splitlines()[2:]
    ]
    assert sum(int(cells[1]) for cells in sums) == 70
    assert sum(int(cells[2].removesuffix(" |")) for cells in sums) == 183
