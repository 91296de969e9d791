"""Files with pending changes applied, and plans to revert a commit."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from merlin.core.errors import Refused
from merlin.dataset.changes import ChangeRequest, ChangeState, Edit, make_changes
from merlin.dataset.commit_batch import plan_revert
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.entries import FileText
from merlin.dataset.files import apply_pending_changes, is_behind
from merlin.git.source import blob_id

pytestmark = pytest.mark.unit

REQUEST = ChangeRequest(
    telegram_editor(7, "Вера"), "7", datetime(2026, 11, 20, tzinfo=UTC)
)
ONE = "examples/a.yaml"


def make_change(before, text, path=ONE, dataset="trial"):
    (change,) = make_changes(dataset, [Edit(path, before, text)], REQUEST)
    return change


def make_file(text, path=ONE):
    return FileText("trial", path, blob_id(text), text)


def mark_committed(*changes):
    values = {"state": ChangeState.COMMITTED, "commit": "c" * 40}
    return [
        replace(change, **values, committed_blob=change.text and blob_id(change.text))
        for change in changes
    ]


def test_blob_id_equals_gits():
    command = ["git", "hash-object", "--stdin"]
    blob = subprocess.run(
        command, input="слова\n", check=True, capture_output=True, text=True
    )
    assert blob_id("слова\n") == blob.stdout.strip()


def test_consecutive_edits_build_on_each_other():
    first = make_change(blob_id("a"), "b")
    second = make_change(blob_id("b"), "c")
    added = make_change(None, "new", "examples/b.yaml")
    files = apply_pending_changes("trial", [make_file("a")], [first, second, added])
    assert [(file.path, file.text) for file in files] == [
        (ONE, "c"),
        ("examples/b.yaml", "new"),
    ]
    removal = [make_change(blob_id("a"), None)]
    assert apply_pending_changes("trial", [make_file("a")], removal) == []


def test_edits_that_do_not_apply_are_skipped():
    others = [
        make_change(blob_id("x"), "b"),
        make_change(blob_id("a"), "b", dataset="other"),
    ]
    assert apply_pending_changes("trial", [make_file("a")], others) == [make_file("a")]


def test_files_are_behind_until_they_show_a_commit():
    changes = mark_committed(
        make_change(blob_id("a"), "b"), make_change(blob_id("b"), "c")
    )
    assert is_behind([make_file("a")], changes)
    assert is_behind([make_file("b")], changes)
    assert not is_behind([make_file("c")], changes)
    assert is_behind([], mark_committed(make_change(None, "b")))


def test_edit_and_its_revert_leave_no_files_behind():
    changes = mark_committed(
        make_change(blob_id("a"), "b"), make_change(blob_id("b"), "a")
    )
    assert not is_behind([make_file("a")], changes)
    assert is_behind([make_file("b")], changes)
    deleted = mark_committed(make_change(None, "b"), make_change(blob_id("b"), None))
    assert not is_behind([], deleted)


def test_commit_is_reverted_last_file_first():
    edited = make_change(blob_id("a"), "b")
    added = make_change(None, "new", "examples/b.yaml")
    removed = make_change(blob_id("old"), None, "examples/c.yaml")
    blobs = {ONE: blob_id("b"), "examples/b.yaml": blob_id("new")}
    texts = {blob_id("a"): "a", blob_id("old"): "old"}
    plan = plan_revert(mark_committed(edited, added, removed), blobs, texts.get)
    assert plan == (
        Edit("examples/c.yaml", None, "old"),
        Edit("examples/b.yaml", blob_id("new"), None),
        Edit(ONE, blob_id("b"), "a"),
    )


def test_file_that_is_as_before_needs_no_edit_and_one_edited_since_stops_the_revert():
    one = make_change(None, "1", "examples/1.yaml")
    two = make_change(None, "2", "examples/2.yaml")
    batch = mark_committed(one, two)
    blobs = {"examples/1.yaml": blob_id("1")}
    assert plan_revert(batch, blobs, {}.get) == (
        Edit("examples/1.yaml", blob_id("1"), None),
    )
    with pytest.raises(Refused):
        plan_revert(batch, {**blobs, "examples/2.yaml": blob_id("mended")}, {}.get)


@pytest.mark.parametrize(
    ("change", "blobs", "texts", "key"),
    [
        (make_change(blob_id("a"), "b"), {ONE: blob_id("a")}, {}, "change-undo-early"),
        (
            make_change(blob_id("a"), None),
            {ONE: "x"},
            {blob_id("a"): "a"},
            "change-undo-since",
        ),
        (
            make_change(blob_id("a"), "b"),
            {ONE: blob_id("c")},
            {blob_id("a"): "a"},
            "change-undo-since",
        ),
        (make_change(None, "b"), {}, {}, "change-undo-early"),
        (make_change(blob_id("a"), "b"), {ONE: blob_id("b")}, {}, "change-undo-lost"),
    ],
)
def test_revert_with_unknown_texts_is_refused(change, blobs, texts, key):
    with pytest.raises(Refused) as refused:
        plan_revert(mark_committed(change), blobs, texts.get)
    assert refused.value.key == key


def test_change_that_is_not_committed_cannot_be_reverted():
    with pytest.raises(Refused):
        plan_revert([make_change(None, "a")], {}, {}.get)
