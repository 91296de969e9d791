"""Dialogs, on both databases: encrypted, one per person and chat."""

from datetime import timedelta

import pytest

from merlin.app.inbox import DIALOG_LIFETIME, Dialog, Dialogs
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


def test_dialog_remembers_the_topic_that_it_was_opened_in(dialogs):
    dialogs.put(ANNA, ANNA, Dialog("name", asked_by=7, thread_id=3))
    assert dialogs.get(ANNA, ANNA).thread_id == 3


def test_dialog_awaits_a_reply_sent_after_it_was_opened_and_not_long_after(
    dialogs, clock
):
    dialogs.put(ANNA, ANNA, Dialog("name", asked_by=7))
    opened = dialogs.get(ANNA, ANNA)
    assert [opened.awaits(update_id, clock.now) for update_id in (7, 8)] == [
        False,
        True,
    ]
    later = clock.now + DIALOG_LIFETIME
    assert opened.awaits(8, later)
    assert not opened.awaits(8, later + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("replies", "has_text"),
    [
        ({}, False),
        ({"session": 4}, False),
        ({"words": "лоб"}, True),
        ({"draft": {"dataset": "face", "question": ""}}, False),
        ({"draft": {"dataset": "face", "question": "Где?"}}, True),
    ],
)
def test_dialog_has_a_text_that_would_be_lost(replies, has_text):
    assert Dialog("name", replies).has_text is has_text


def test_dialog_is_encrypted(dialogs, database):
    dialogs.put(ANNA, ANNA, Dialog("name", {"words": "лоб"}, asked_by=7))
    (row,) = database.rows(DIALOG.select())
    assert "лоб" not in row.said
