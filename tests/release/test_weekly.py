"""Which weekly parts `.ci/run` has: those whose inputs are not as when they last passed."""

import subprocess
from types import SimpleNamespace

import pytest

from tests.weekly import (
    PARTS,
    find_part,
    find_unchanged,
    find_wanted,
    list_decided,
    summarize,
    write_passed,
)

pytestmark = pytest.mark.functional


def collected(**markers):
    """Return a collected test with these markers."""

    def get_closest_marker(name):
        return SimpleNamespace(args=(markers[name],)) if name in markers else None

    return SimpleNamespace(nodeid="test", get_closest_marker=get_closest_marker)


@pytest.fixture
def tree(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "tree"], check=True)
    (tmp_path / "tree/Dockerfile").write_text("FROM debian\n")
    (tmp_path / "passed.txt").touch()
    return tmp_path / "tree", tmp_path / "passed.txt"


def test_part_is_left_out_until_one_of_its_inputs_changes(tree):
    root = tree[0]
    assert find_unchanged(*tree) == {}
    write_passed(["image", "tutorial"], "2026-12-01", *tree)
    assert find_unchanged(*tree) == {"image": "2026-12-01", "tutorial": "2026-12-01"}
    (root / "README.md").write_text("no input")
    write_passed(["image"], "2026-12-02", *tree)
    assert find_unchanged(*tree)["image"] == "2026-12-01"

    (root / "Dockerfile").write_text("FROM alpine\n")
    assert find_unchanged(*tree) == {"tutorial": "2026-12-01"}
    write_passed(["image"], "2026-12-03", *tree)
    assert find_unchanged(*tree)["image"] == "2026-12-03"
    (root / "Dockerfile").unlink()
    assert "image" not in find_unchanged(*tree)


def test_sample_has_no_part_and_pytest_on_its_own_every_one():
    assert find_wanted(is_sample=True, is_complete=False) == set()
    assert find_wanted(is_sample=False, is_complete=False) == set(PARTS)
    complete = find_wanted(is_sample=False, is_complete=True)
    assert complete == set(list_decided()) - find_unchanged().keys()
    assert not complete & {"vllm"}


def test_a_test_belongs_to_the_part_of_its_marker_or_of_its_program():
    assert find_part(collected(weekly="torch")) == "torch"
    assert find_part(collected(real="llm")) == "programs"
    assert find_part(collected(real="vllm")) == "vllm"
    assert find_part(collected(real="openai")) is None
    with pytest.raises(KeyError, match="no part 'base'"):
        find_part(collected(weekly="base"))


def test_what_is_left_out_is_said_with_its_reason():
    said = "\n".join(summarize({"image": "2026-12-01"}))
    assert "image (the image is built from the Dockerfile, and runs) left out" in said
    assert "2026-12-01" in said
    assert said.count("ran too: its inputs changed") == len(list_decided()) - 1
    assert said.count("`make weekly` alone") == len(PARTS) - len(list_decided())
