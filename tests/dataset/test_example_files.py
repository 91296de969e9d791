"""The file index for editors: ids, earlier texts, builds and commits of an example."""

import pytest

from merlin.dataset.changes import ChangeRequest, Changes, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileIndex
from merlin.db.tables import CHANGE
from tests.db.pipeline_rows import AT, FACE

pytestmark = pytest.mark.integration

OLD = "1" * 40
NEW = "2" * 40


@pytest.fixture
def index(database):
    index = FileIndex(database)
    index.add({OLD: "было\n", NEW: "стало\n"})
    index.keep(
        FACE,
        "t1",
        {"dataset.yaml": NEW, "examples/b/c.yaml": OLD, "examples/a.yaml": NEW},
    )
    return index


def test_ids_are_listed_in_order_without_other_files(index):
    assert index.list_example_ids(FACE) == ["a", "b/c"]
    assert index.list_example_ids("other") == []


def test_text_replaced_by_an_editor_is_kept_for_a_revert(index, database, clock):
    changes = Changes(database, clock)
    edit = Edit("examples/b/c.yaml", OLD, "стало\n")
    changes.put(
        make_changes(FACE, [edit], ChangeRequest(telegram_editor(7, "Вера"), "7", AT))
    )
    index.keep(FACE, "t2", {"examples/b/c.yaml": NEW})
    assert (index.read_text(OLD), index.read_text(NEW), index.read_text("3" * 40)) == (
        "было\n",
        "стало\n",
        None,
    )
    database.change(CHANGE.delete().where(CHANGE.by_whom == "7"))
    assert index.delete_unused([OLD, NEW]) == 1
    assert (index.read_text(OLD), index.read_text(NEW)) == (None, "стало\n")
