"""The journal of what Telegram took: read after a kill, empty once the database knows it."""

from dataclasses import replace

import pytest

from merlin.app.inbox import read_owner
from merlin.bot.deliveries import DeliveryJournal

pytestmark = pytest.mark.unit

ME = read_owner()
DEAD = replace(ME, pid=2**22 - 1, started=1)


def test_journal_says_what_was_sent_until_the_database_knows_all_of_it(tmp_path):
    journal = DeliveryJournal(tmp_path, ME)
    journal.add(1, 77)
    journal.add(2, 78)
    journal.settle(1)
    assert [*journal.read()] == [(1, 77), (2, 78)]
    journal.settle(2)
    assert [*journal.read()] == [*tmp_path.iterdir()] == []
    journal.settle(3)


def test_file_of_a_dead_process_is_read_and_deleted_and_a_living_ones_kept(tmp_path):
    DeliveryJournal(tmp_path, DEAD).add(1, 77)
    living = DeliveryJournal(tmp_path, ME)
    living.add(2, 78)
    assert sorted(living.read()) == [(1, 77), (2, 78)]
    living.delete_old()
    assert [*living.read()] == [(2, 78)]


@pytest.mark.parametrize("rest", [b"2 7", b"\0\0 7\n", b"\xff\n", b"2 7 9\n", b"\n"])
def test_line_that_is_not_whole_says_nothing(tmp_path, rest):
    DeliveryJournal(tmp_path, DEAD).add(1, 77)
    (file,) = tmp_path.iterdir()
    with file.open("ab") as lines:
        lines.write(rest)
    assert [*DeliveryJournal(tmp_path, ME).read()] == [(1, 77)]


def test_folder_that_takes_no_file_leaves_the_doubt(tmp_path):
    journal = DeliveryJournal(tmp_path / "missing", ME)
    journal.add(1, 77)
    journal.settle(1)
    assert [*journal.read()] == []
