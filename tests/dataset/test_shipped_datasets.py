"""The datasets that ship with Merlin are flawless in its own eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

from merlin.build.build import make
from merlin.cli.worktree import folders, work_tree
from merlin.dataset.check import check

pytestmark = pytest.mark.functional

DATASETS = Path(__file__).parents[2] / "datasets"
FEWEST_EXAMPLES = {"neurotypology": 60, "algorithms": 50, "python": 50}
FEWEST_TESTS = 12


def checked(name):
    tree = work_tree(DATASETS / name, 1_000_000)
    return check(name, tree.entries, tree.read, limit_tokens={"recall": 65_536})


def test_the_three_datasets_are_there():
    assert {folder.name for folder in folders(DATASETS)} == set(FEWEST_EXAMPLES)


@pytest.mark.parametrize("name", FEWEST_EXAMPLES)
def test_a_shipped_dataset_has_no_finding(name):
    assert [f"{each.path}:{each.line} {each.rule}" for each in checked(name).findings] == []


@pytest.mark.parametrize("name", FEWEST_EXAMPLES)
def test_a_shipped_dataset_has_the_promised_size(name):
    seen = checked(name)
    counts = make(seen).manifest["counts"]
    assert counts["in"] == counts["train"] + counts["test"] >= FEWEST_EXAMPLES[name]
    assert counts["test"] == sum(each.split == "test" for each in seen.examples) >= FEWEST_TESTS
    assert counts["train"] >= 50


@pytest.mark.parametrize("name", FEWEST_EXAMPLES)
def test_a_shipped_dataset_has_a_course_with_materials(name):
    course = checked(name).course
    assert {each.kind for each in course.materials} == {"lecture", "seminar", "lab"}
