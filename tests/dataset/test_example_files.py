"""What editors are shown beside the files: ids, earlier texts, builds that hold an example."""

from __future__ import annotations

import pytest

from merlin.dataset.changes import ChangeRequest, Changes, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileIndex
from merlin.db.tables import CHANGE
from tests.db.pipeline_rows import AT, FACE, PipelineRows, make_examples

pytestmark = pytest.mark.integration

OLD, NEW = "1" * 40, "2" * 40


@pytest.fixture
def books(database):
    rows = FileIndex(database)
    rows.add({OLD: "было\n", NEW: "стало\n"})
    rows.keep(FACE, "t1", {"dataset.yaml": NEW, "examples/b/c.yaml": OLD, "examples/a.yaml": NEW})
    return rows


def test_ids_are_told_in_order_without_other_files(books):
    assert books.example_ids(FACE) == ["a", "b/c"]
    assert books.example_ids("other") == []


def test_the_text_that_an_editor_changed_is_kept_to_be_put_back(books, database, clock):
    changes = Changes(database, clock)
    edit = Edit("examples/b/c.yaml", OLD, "стало\n")
    changes.put(make_changes(FACE, [edit], ChangeRequest(telegram_editor(7, "Вера"), "7", AT)))
    books.keep(FACE, "t2", {"examples/b/c.yaml": NEW})
    assert (books.text(OLD), books.text(NEW), books.text("3" * 40)) == ("было\n", "стало\n", None)
    database.change(CHANGE.delete().where(CHANGE.by_whom == "7"))
    assert books.delete_unused_texts() == 1
    assert (books.text(OLD), books.text(NEW)) == (None, "стало\n")


def test_the_builds_that_hold_an_example_are_named(books, database, clock):
    world = PipelineRows(database, clock)
    world.push(1, make_examples(12))
    world.push(2, make_examples(13))
    newest, first = make_examples(13)[-1].id, make_examples(12)[0].id
    assert books.find_build_range(FACE, first) == (f"{FACE}-1", f"{FACE}-2")
    assert books.find_build_range(FACE, newest) == (f"{FACE}-2", f"{FACE}-2")
    assert books.find_build_range(FACE, "none") is None


def test_the_commits_that_wrote_an_example_are_told_newest_first(books, database, clock):
    world = PipelineRows(database, clock)
    one = world.push(1, make_examples(12))
    two = world.push(2, make_examples(13), "b", "boris")
    first, newest = make_examples(12)[0].id, make_examples(13)[-1].id
    found = books.versions(FACE, first)
    assert [(version.commit, version.author) for version in found] == [(one, "anna")]
    found = books.versions(FACE, newest)
    assert [(version.commit, version.author) for version in found] == [(two, "boris")]
    assert books.versions(FACE, "none") == []
