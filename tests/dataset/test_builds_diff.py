"""Differences between builds."""

import pytest

from merlin.dataset.builds import diff, make_build
from tests.support.dataset_tree import check_files, example_yaml, make_good_files

pytestmark = pytest.mark.unit


def read_sides(files):
    """Return id -> side, blob and trained text of the examples of a build of these files."""
    build = make_build(check_files(files))
    return {
        name: (build.checked.sides[name], example.blob, build.dump_messages(name))
        for name, example in build.examples.items()
    }


def test_examples_added_removed_changed_and_moved_are_listed():
    files = make_good_files(60)
    old = read_sides(files)
    moved = next(name for name, (side, *_) in old.items() if side == "test")
    del files["examples/face/q0001.yaml"]
    files["examples/face/q0002.yaml"] = example_yaml("Вопрос 2 о лице", "Другой ответ")
    files["examples/face/q0003.yaml"] = files["examples/face/q0003.yaml"].replace(
        "\n", "\r\n"
    )
    files["examples/new.yaml"] = example_yaml()
    new = read_sides(files)
    new[moved] = ("train", *new[moved][1:])
    assert diff(old, new) == {
        "added": ["new"],
        "removed": ["face/q0001"],
        "changed": ["face/q0002"],
        "moved": [moved],
    }
