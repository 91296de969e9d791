"""The datasets that ship with Merlin pass its check without an error."""

import re
from functools import cache
from pathlib import Path

import pytest

from merlin.dataset.builds import make_build
from merlin.dataset.check import check
from merlin.dataset.work_tree import work_tree

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[2]
MIN_EXAMPLES = {
    "datasets/neurotypology": 60,
    "datasets/algorithms": 50,
    "datasets/python": 50,
    "datasets-en/algorithms": 60,
}
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
MIN_TESTS = 12


@cache
def check_shipped(name):
    entries, read = work_tree(ROOT / name)
    return check(Path(name).name, entries, read, limit_tokens={"recall": 65_536})


def test_english_dataset_is_in_english():
    files = [path for path in (ROOT / "datasets-en").rglob("*") if path.is_file()]
    settings = ("dataset.yaml", "course.yaml")  # these have a title in Russian too
    texts = [path for path in files if path.name not in settings]
    assert len(texts) > 60
    for path in texts:
        assert not CYRILLIC.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("name", MIN_EXAMPLES)
def test_shipped_dataset_has_no_finding(name):
    assert check_shipped(name).findings == ()


@pytest.mark.parametrize("name", MIN_EXAMPLES)
def test_shipped_dataset_has_the_documented_size(name):
    checked = check_shipped(name)
    counts = make_build(checked).manifest["counts"]
    assert counts["in"] == counts["train"] + counts["test"] >= MIN_EXAMPLES[name]
    assert (
        counts["test"]
        == sum(example.split == "test" for example in checked.examples)
        >= MIN_TESTS
    )
    assert counts["train"] >= 50


@pytest.mark.parametrize("name", MIN_EXAMPLES)
def test_shipped_dataset_has_a_course_with_materials(name):
    course = check_shipped(name).course
    assert {material.kind for material in course.materials} == {
        "lecture",
        "seminar",
        "lab",
    }


def test_tags_of_a_russian_dataset_are_russian():
    tags = {
        tag
        for name in MIN_EXAMPLES
        if name.startswith("datasets/")
        for example in check_shipped(name).examples
        for tag in example.tags
    }
    assert {tag for tag in tags if not CYRILLIC.search(tag)} == {
        "asyncio",
        "csv",
        "venv",
    }
