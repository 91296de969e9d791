"""Differences between builds, and the number of epochs of a job."""

import pytest

from merlin.dataset.builds import diff, make_build
from merlin.training.policy import count_epochs
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


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        (10, 10),
        (20, 5),
        (33, 3),
        (8_333, 3),
        (10_000, 2),
        (90_000, 1),
    ],
)
def test_epochs_are_chosen_as_in_openais_cookbook(examples, expected):
    assert count_epochs(examples, {}) == expected
