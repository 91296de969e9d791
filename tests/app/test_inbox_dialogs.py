"""Dialogs, on both databases: encrypted, one per person and chat."""

import pytest

from merlin.app.inbox import Dialog, Dialogs
from merlin.db.tables import DIALOG
from tests.db.pipeline_rows import BOT

pytestmark = pytest.mark.integration

ANNA = 1001


@pytest.fixture
def dialogs(database, clock):
    return Dialogs(database, BOT, clock)


def test_dialog_is_stored_with_its_author_and_time(dialogs, clock):
    dialogs.put(ANNA, ANNA, Dialog("name", {"session": 4}, asked_by=7))
    assert dialogs.get(ANNA, ANNA) == Dialog("name", {"session": 4}, 7, clock.now)
    clock.move(60)
    dialogs.put(ANNA, ANNA, Dialog("zone", asked_by=9))
    assert dialogs.get(ANNA, ANNA) == Dialog("zone", {}, 9, clock.now)
    assert dialogs.end(ANNA, ANNA)
    assert dialogs.get(ANNA, ANNA) is None


def test_dialog_is_encrypted(dialogs, database):
    dialogs.put(ANNA, ANNA, Dialog("name", {"words": "лоб"}, asked_by=7))
    (row,) = database.rows(DIALOG.select())
    assert "лоб" not in row.said
