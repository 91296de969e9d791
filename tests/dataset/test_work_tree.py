"""Datasets in folders on disk: which a path means, and what stands in one."""

import os

import pytest

from merlin.core.errors import ConfigError
from merlin.dataset.work_tree import find_folders, work_tree
from merlin.git.source import EXECUTABLE, FILE, GITLINK, SYMLINK, TreeEntry

pytestmark = pytest.mark.unit


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The working folder: the datasets `face` and `voice` of a repository, and a file."""
    for path in ("datasets/face/examples/a.yaml", "datasets/voice/dataset.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x", "utf-8")
    (tmp_path / "datasets/face/dataset.yaml").write_text("x", "utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["."], ["datasets/face", "datasets/voice"]),
        (["datasets"], ["datasets/face", "datasets/voice"]),
        (["datasets/voice"], ["datasets/voice"]),
        (["datasets/face/examples/a.yaml"], ["datasets/face"]),
        (["datasets/voice", "datasets"], ["datasets/voice", "datasets/face"]),
    ],
)
def test_path_means_one_dataset_something_in_one_or_several(
    repository, paths, expected
):
    found = find_folders(type(repository)(path) for path in paths)
    assert [each.shown for each in found] == expected
    assert [each.path for each in found] == [repository / path for path in expected]
    assert [each.name for each in found] == [path[9:] for path in expected]


def test_dataset_of_the_working_folder_is_shown_without_a_path(repository, monkeypatch):
    monkeypatch.chdir(repository / "datasets/face")
    here = type(repository)(".")
    inside = here / "examples/a.yaml"
    assert [each.shown for each in find_folders([here, inside])] == [""]
    whole = repository / "datasets/face/examples/a.yaml"
    assert [each.shown for each in find_folders([whole])] == [
        str(repository / "datasets/face")
    ]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("gone", "check-no-such-path"),
        ("empty", "check-no-dataset"),
        ("notes.txt", "check-no-dataset"),
    ],
)
def test_path_without_a_dataset_is_refused(repository, path, key):
    with pytest.raises(ConfigError) as caught:
        find_folders([repository / path])
    assert (caught.value.key, caught.value.arguments["path"]) == (
        key,
        str(repository / path),
    )


def test_entries_have_the_modes_that_git_would_give_them(repository):
    folder = repository / "datasets/face"
    (folder / "link").symlink_to("dataset.yaml")
    (folder / "run").write_text("x", "utf-8")
    (folder / "run").chmod(0o755)
    (folder / "module/.git").mkdir(parents=True)
    (folder / ".git").mkdir()
    os.mkfifo(folder / "pipe")
    entries, read = work_tree(folder)
    modes = {entry.path: entry.mode for entry in entries}
    pipe = modes.pop("pipe")
    assert modes == {
        "dataset.yaml": FILE,
        "examples/a.yaml": FILE,
        "link": SYMLINK,
        "module": GITLINK,
        "run": EXECUTABLE,
    }
    assert pipe not in modes.values()
    blobs = [entry.blob for entry in entries if entry.blob]
    assert [*read(blobs)] == [(blob, b"x") for blob in blobs]
    assert len(blobs) == 3


def test_link_in_the_place_of_a_dataset_is_not_followed(repository):
    (repository / "datasets/other").symlink_to("face")
    entries, read = work_tree(repository / "datasets/other")
    assert entries == [TreeEntry("", "", SYMLINK, 0)]
    assert [*read([""])] == []
