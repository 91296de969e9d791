"""Files as they will lie, and commits taken back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merlin.core.errors import Refused
from merlin.dataset.changes import ChangeRequest, ChangeState, Edit, make_changes
from merlin.dataset.commit_batch import plan_revert
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileText, apply_pending_changes, is_behind
from merlin.git.source import blob_id

pytestmark = pytest.mark.unit

ASKED = ChangeRequest(telegram_editor(7, "Вера"), "7", datetime(2026, 11, 20, tzinfo=UTC))
ONE = "examples/a.yaml"


def change(before, text, path=ONE, dataset="trial"):
    (made,) = make_changes(dataset, [Edit(path, before, text)], ASKED)
    return made


def file(text, path=ONE):
    return FileText("trial", path, blob_id(text), text)


def commit_changes(*changes):
    done = {"state": ChangeState.COMMITTED, "commit": "c" * 40}
    return [
        replace(change, **done, left=change.text and blob_id(change.text)) for change in changes
    ]


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_blob_has_the_id_that_git_gives_it(tmp_path, kind):
    subprocess.run(["git", "init", "-q", f"--object-format={kind}", tmp_path], check=True)
    (tmp_path / "a").write_text("слова\n", encoding="utf-8")
    asked = ["git", "-C", tmp_path, "hash-object", "a"]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    assert blob_id("слова\n", told) == told


def test_edits_in_a_row_build_on_each_other():
    first = change(blob_id("a"), "b")
    second = change(blob_id("b"), "c")
    added = change(None, "new", "examples/b.yaml")
    files = apply_pending_changes("trial", [file("a")], [first, second, added])
    assert [(file.path, file.text) for file in files] == [(ONE, "c"), ("examples/b.yaml", "new")]
    assert apply_pending_changes("trial", [file("a")], [change(blob_id("a"), None)]) == []


def test_what_does_not_fit_or_is_elsewhere_is_passed_over():
    strangers = [change(blob_id("x"), "b"), change(blob_id("a"), "b", dataset="other")]
    assert apply_pending_changes("trial", [file("a")], strangers) == [file("a")]


def test_files_are_behind_until_a_commit_shows_in_them():
    done = commit_changes(change(blob_id("a"), "b"), change(blob_id("b"), "c"))
    assert is_behind([file("a")], done)
    assert is_behind([file("b")], done)
    assert not is_behind([file("c")], done)
    assert is_behind([], commit_changes(change(None, "b")))


def test_an_edit_and_its_undoing_leave_nothing_behind():
    done = commit_changes(change(blob_id("a"), "b"), change(blob_id("b"), "a"))
    assert not is_behind([file("a")], done)
    assert is_behind([file("b")], done)
    gone = commit_changes(change(None, "b"), change(blob_id("b"), None))
    assert not is_behind([], gone)


def test_a_commit_is_taken_back_last_file_first():
    edited, added = change(blob_id("a"), "b"), change(None, "new", "examples/b.yaml")
    removed = change(blob_id("old"), None, "examples/c.yaml")
    blobs = {ONE: blob_id("b"), "examples/b.yaml": blob_id("new")}
    texts = {blob_id("a"): "a", blob_id("old"): "old"}
    found = plan_revert(commit_changes(edited, added, removed), blobs, texts.get)
    assert found.edits == (
        Edit("examples/c.yaml", None, "old"),
        Edit("examples/b.yaml", blob_id("new"), None),
        Edit(ONE, blob_id("b"), "a"),
    )
    assert found.newer == ()


def test_what_was_written_anew_since_stays_and_what_is_as_before_needs_nothing():
    one, two = change(None, "1", "examples/1.yaml"), change(None, "2", "examples/2.yaml")
    gone = change(None, "3", "examples/3.yaml")
    blobs = {"examples/1.yaml": blob_id("1"), "examples/2.yaml": blob_id("mended")}
    found = plan_revert(commit_changes(one, two, gone), blobs, {}.get)
    assert found.edits == (Edit("examples/1.yaml", blob_id("1"), None),)
    assert found.newer == ("examples/2.yaml",)


def test_a_commit_of_which_it_is_not_known_what_it_left_can_be_taken_back():
    (old,) = commit_changes(change(blob_id("a"), "b"))
    found = plan_revert([replace(old, left=None)], {ONE: blob_id("c")}, {blob_id("a"): "a"}.get)
    assert found.edits == (Edit(ONE, blob_id("c"), "a"),)


@pytest.mark.parametrize(
    ("made", "blobs", "texts", "key"),
    [
        (change(blob_id("a"), "b"), {ONE: blob_id("a")}, {}, "change-undo-early"),
        (change(blob_id("a"), None), {ONE: "x"}, {blob_id("a"): "a"}, "change-undo-since"),
        (change(blob_id("a"), "b"), {ONE: blob_id("c")}, {blob_id("a"): "a"}, "change-undo-since"),
        (change(None, "b"), {}, {}, "change-undo-early"),
        (change(blob_id("a"), "b"), {ONE: blob_id("b")}, {}, "change-undo-lost"),
    ],
)
def test_what_cannot_be_known_is_not_taken_back(made, blobs, texts, key):
    with pytest.raises(Refused) as refused:
        plan_revert(commit_changes(made), blobs, texts.get)
    assert refused.value.key == key


def test_what_is_no_commit_is_not_taken_back():
    with pytest.raises(Refused):
        plan_revert([change(None, "a")], {}, {}.get)
