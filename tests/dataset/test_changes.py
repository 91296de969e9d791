"""Edits in the database (SQLite and PostgreSQL): encrypted, claimed once, reported once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from merlin.app.verdicts import notify_editors
from merlin.core.errors import NotFound
from merlin.dataset.changes import (
    CONFLICT,
    UNREADABLE,
    BatchResult,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.encryption import Cipher
from merlin.db.notices import Notices
from merlin.db.processes import read_change_counter
from merlin.db.tables import CHANGE
from merlin.training.jobs import JobState
from tests.db.pipeline_rows import AT, FACE, make_examples, planning_config

pytestmark = pytest.mark.integration


@pytest.fixture
def rows(database, clock):
    return Changes(database, clock)


def put_edits(rows, *names, by="7", text="секрет\n"):
    edits = [Edit(f"examples/{name}.yaml", None, text) for name in names]
    changes = make_changes(
        FACE, edits, ChangeRequest(telegram_editor(7, "Вера"), by, AT)
    )
    rows.put(changes)
    return changes


def test_stored_edit_is_encrypted_and_read_back_unchanged(rows, database):
    before = read_change_counter(database)
    (change,) = put_edits(rows, "a")
    rows.put([change])
    assert rows.get(change.change_id) == change
    assert (
        rows.list_batches("7", 20) == [rows.list_of_batch(change.batch)] == [[change]]
    )
    assert rows.list_batches("8", 20) == []
    assert "секрет" not in str(database.rows(CHANGE.select()))
    assert read_change_counter(database) > before
    with pytest.raises(NotFound):
        rows.get("none")


def test_batches_are_claimed_oldest_first_and_only_once(rows):
    old = put_edits(rows, "a", "b")
    new = put_edits(rows, "c")
    with ThreadPoolExecutor(4) as pool:
        claimed = [
            batch for batch in pool.map(lambda _: rows.claim(), range(4)) if batch
        ]
    assert sorted(len(batch.changes) for batch in claimed) == [1, 2]
    assert {batch.batch_id for batch in claimed} == {old[0].batch, new[0].batch}
    assert rows.release() == 3
    assert rows.claim().batch_id == old[0].batch


def test_text_of_a_committed_edit_is_deleted(rows, database):
    (change,) = put_edits(rows, "a")
    rows.settle(rows.claim(), BatchResult("c" * 40))
    stored = rows.get(change.change_id)
    assert (stored.state, stored.commit, stored.text) == (
        ChangeState.COMMITTED,
        "c" * 40,
        None,
    )
    assert database.rows(CHANGE.select(CHANGE.text)) == [(None,)]
    assert rows.withdraw(change.change_id) is False


def test_edit_refused_for_another_one_keeps_its_text_until_it_is_withdrawn(rows):
    (change,) = put_edits(rows, "a")
    rows.put_aside(rows.claim(), ChangeState.REFUSED, CONFLICT, {"path": change.path})
    assert rows.get(change.change_id).text == change.text
    assert rows.withdraw(change.change_id)
    assert rows.get(change.change_id).text is None
    assert rows.withdraw(change.change_id) is False


def test_edit_that_cannot_be_decrypted_is_refused_and_does_not_block_others(
    rows, url, clock
):
    with open_database(url, cipher=Cipher({"x": b"x" * 32}, "x")) as other:
        (lost,) = put_edits(Changes(other, clock), "a")
    (good,) = put_edits(rows, "b")
    assert rows.claim().batch_id == good.batch
    stored = rows.get(lost.change_id)
    assert (stored.state, stored.reason) == (ChangeState.REFUSED, UNREADABLE)


def test_failure_reason_is_stored_and_cleared_by_success(rows):
    (change,) = put_edits(rows, "a")
    rows.put_aside(rows.claim(), ChangeState.WAITING, "git-failed", {"reason": "нет"})
    stored = rows.get(change.change_id)
    assert (stored.state, stored.reason, stored.arguments) == (
        ChangeState.WAITING,
        "git-failed",
        {"reason": "нет"},
    )
    rows.settle(rows.claim(), BatchResult("c" * 40))
    assert rows.get(change.change_id).reason == ""


def commit_change(rows, sha, by="7"):
    (change,) = put_edits(rows, "a", by=by)
    rows.settle(rows.claim(), BatchResult(sha))
    return change


def notify_and_read(database, to="7"):
    """Notify the editors; return all notices to one of them, oldest first."""
    notify_editors(database, planning_config())
    notices = Notices(database).list_newest(to, 10)
    return [(notice.key, notice.arguments) for notice in reversed(notices)]


def test_each_status_notifies_once_until_the_final_one(rows, world):
    commit_change(rows, world.push(1, make_examples(12)))
    assert notify_and_read(world.db) == []
    (job,) = world.launch()
    world.finish(job, JobState.FAILED)
    ((key, arguments),) = notify_and_read(world.db)
    assert (key, arguments["version"]) == ("notice-change-failed-why", f"{FACE}-1")
    assert len(notify_and_read(world.db)) == 1


def test_serving_notice_has_both_scores(rows, world):
    world.serve(1, make_examples(12))
    commit_change(rows, world.push(2, make_examples(13)))
    (job,) = world.launch()
    world.finish(job)
    world.prove_and_promote()
    ((key, arguments),) = notify_and_read(world.db)
    assert (key, arguments["version"]) == ("notice-change-serving", f"{FACE}-2")
    counts = {"right": 3, "questions": 5}
    assert arguments["score"] == {"key": "change-score", "arguments": counts}
    assert len(notify_and_read(world.db)) == 1


def test_editor_without_a_telegram_account_gets_no_notice(rows, world):
    world.serve(1, make_examples(12))
    commit_change(rows, world.verdict(1).commit, by="cli:boris")
    assert notify_and_read(world.db, "cli:boris") == []


def test_file_index_keeps_finds_and_drops_a_datasets_files(database):
    index = FileIndex(database)
    texts = {"1" * 40: "title: x\n", "2" * 40: "Ёлка\n", "3" * 40: None}
    assert index.list_uncached(sorted(texts)) == sorted(texts)
    index.add(texts)
    index.add(texts)
    assert index.list_uncached(["1" * 40, "4" * 40]) == ["4" * 40]
    files = {
        "dataset.yaml": "1" * 40,
        "examples/b.yaml": "2" * 40,
        "examples/a.yaml": "3" * 40,
    }
    index.keep("trial", "t1", files)
    assert index.read_trees() == {"trial": "t1"}
    (card,) = index.list_datasets()
    assert (card.name, dict(card.title), card.examples) == ("trial", {}, 2)
    assert [example.example_id for example in index.list_examples("trial")] == [
        "a",
        "b",
    ]
    assert [
        example.example_id
        for example in index.list_examples("trial", offset=1, limit=1)
    ] == ["b"]
    found = ExampleEntries(database).find("trial", ExampleFilter("елк"), limit=5)
    assert [example.example_id for example in found] == ["b"]
    assert index.get("trial", "a").text is None
    assert [file.path for file in index.list_files("trial")] == sorted(files)
    assert index.list_findings("trial") == []
    assert (index.find_newest_commit(), index.find_newest_build("trial")) == (
        None,
        None,
    )
    deleted = dict.fromkeys(
        ["examples/b.yaml", "examples/a.yaml", "examples/never.yaml"]
    )
    index.keep("trial", "t2", {"dataset.yaml": "1" * 40, **deleted})
    assert index.list_uncached(sorted(texts)) == ["2" * 40, "3" * 40]
    with pytest.raises(NotFound):
        index.get("trial", "a")
    index.drop("trial")
    assert (index.list_datasets(), index.list_uncached(["1" * 40])) == ([], ["1" * 40])


def test_new_datasets_are_those_whose_dataset_yaml_is_added_or_was_just_now(
    rows, clock
):
    def put(dataset, path, before=None):
        edits = [Edit(path, before, "x\n")]
        changes = make_changes(
            dataset, edits, ChangeRequest(telegram_editor(7, "Вера"), "7", AT)
        )
        rows.put(changes)

    def names(since, dataset=""):
        return [each.dataset for each in rows.list_new_datasets(since, dataset)]

    put("made", "dataset.yaml")
    rows.settle(rows.claim(), BatchResult("c" * 40))
    put("waits", "dataset.yaml")
    put("edited", "dataset.yaml", "1" * 40)
    put("other", "examples/dataset.yaml")
    now = clock()
    assert names(now) == ["made", "waits"]
    assert names(now, "waits") == ["waits"]
    assert names(now + timedelta(seconds=1)) == ["waits"]
