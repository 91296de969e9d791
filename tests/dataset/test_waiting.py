"""Files as they will lie, and commits taken back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merlin.core.errors import Refused
from merlin.dataset.changes import Asked, ChangeState, Edit, changes_of, editor_of
from merlin.dataset.commit_batch import undoing
from merlin.dataset.files import FileText, blob_of, is_behind, with_waiting

pytestmark = pytest.mark.unit

ASKED = Asked(editor_of(7, "Вера"), "7", datetime(2026, 11, 20, tzinfo=UTC))
ONE = "examples/a.yaml"


def change(before, text, path=ONE, dataset="trial"):
    (made,) = changes_of(dataset, [Edit(path, before, text)], ASKED)
    return made


def file(text, path=ONE):
    return FileText("trial", path, blob_of(text), text)


def committed(*changes):
    done = {"state": ChangeState.COMMITTED, "commit": "c" * 40}
    return [replace(each, **done, left=each.text and blob_of(each.text)) for each in changes]


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_blob_has_the_id_that_git_gives_it(tmp_path, kind):
    subprocess.run(["git", "init", "-q", f"--object-format={kind}", tmp_path], check=True)
    (tmp_path / "a").write_text("слова\n", encoding="utf-8")
    asked = ["git", "-C", tmp_path, "hash-object", "a"]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    assert blob_of("слова\n", told) == told


def test_edits_in_a_row_build_on_each_other():
    first = change(blob_of("a"), "b")
    second = change(blob_of("b"), "c")
    added = change(None, "new", "examples/b.yaml")
    files = with_waiting("trial", [file("a")], [first, second, added])
    assert [(each.path, each.text) for each in files] == [(ONE, "c"), ("examples/b.yaml", "new")]
    assert with_waiting("trial", [file("a")], [change(blob_of("a"), None)]) == []


def test_what_does_not_fit_or_is_elsewhere_is_passed_over():
    strangers = [change(blob_of("x"), "b"), change(blob_of("a"), "b", dataset="other")]
    assert with_waiting("trial", [file("a")], strangers) == [file("a")]


def test_files_are_behind_until_a_commit_shows_in_them():
    done = committed(change(blob_of("a"), "b"), change(blob_of("b"), "c"))
    assert is_behind([file("a")], done)
    assert is_behind([file("b")], done)
    assert not is_behind([file("c")], done)
    assert is_behind([], committed(change(None, "b")))


def test_an_edit_and_its_undoing_leave_nothing_behind():
    done = committed(change(blob_of("a"), "b"), change(blob_of("b"), "a"))
    assert not is_behind([file("a")], done)
    assert is_behind([file("b")], done)
    gone = committed(change(None, "b"), change(blob_of("b"), None))
    assert not is_behind([], gone)


def test_a_commit_is_taken_back_last_file_first():
    edited, added = change(blob_of("a"), "b"), change(None, "new", "examples/b.yaml")
    removed = change(blob_of("old"), None, "examples/c.yaml")
    blobs = {ONE: blob_of("b"), "examples/b.yaml": blob_of("new")}
    texts = {blob_of("a"): "a", blob_of("old"): "old"}
    found = undoing(committed(edited, added, removed), blobs, texts.get)
    assert found.edits == (
        Edit("examples/c.yaml", None, "old"),
        Edit("examples/b.yaml", blob_of("new"), None),
        Edit(ONE, blob_of("b"), "a"),
    )
    assert found.newer == ()


def test_what_was_written_anew_since_stays_and_what_is_as_before_needs_nothing():
    one, two = change(None, "1", "examples/1.yaml"), change(None, "2", "examples/2.yaml")
    gone = change(None, "3", "examples/3.yaml")
    blobs = {"examples/1.yaml": blob_of("1"), "examples/2.yaml": blob_of("mended")}
    found = undoing(committed(one, two, gone), blobs, {}.get)
    assert found.edits == (Edit("examples/1.yaml", blob_of("1"), None),)
    assert found.newer == ("examples/2.yaml",)


def test_a_commit_of_which_it_is_not_known_what_it_left_can_be_taken_back():
    (old,) = committed(change(blob_of("a"), "b"))
    found = undoing([replace(old, left=None)], {ONE: blob_of("c")}, {blob_of("a"): "a"}.get)
    assert found.edits == (Edit(ONE, blob_of("c"), "a"),)


@pytest.mark.parametrize(
    ("made", "blobs", "texts", "key"),
    [
        (change(blob_of("a"), "b"), {ONE: blob_of("a")}, {}, "change-undo-early"),
        (change(blob_of("a"), None), {ONE: "x"}, {blob_of("a"): "a"}, "change-undo-since"),
        (change(blob_of("a"), "b"), {ONE: blob_of("c")}, {blob_of("a"): "a"}, "change-undo-since"),
        (change(None, "b"), {}, {}, "change-undo-early"),
        (change(blob_of("a"), "b"), {ONE: blob_of("b")}, {}, "change-undo-lost"),
    ],
)
def test_what_cannot_be_known_is_not_taken_back(made, blobs, texts, key):
    with pytest.raises(Refused) as refused:
        undoing(committed(made), blobs, texts.get)
    assert refused.value.key == key


def test_what_is_no_commit_is_not_taken_back():
    with pytest.raises(Refused):
        undoing([change(None, "a")], {}, {}.get)
