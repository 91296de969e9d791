"""The audit log: entries are listed newest first, by target, author and page."""

import pytest

from merlin.db.audit import Audit, person_reference

pytestmark = pytest.mark.integration


@pytest.fixture
def audit(database, clock):
    """A log of three entries, of a job twice and of a person."""
    audit = Audit(database, clock)
    audit.note("user:1", "job.cancel", "job:7", {"reason": "дорого"})
    audit.note("cli:root", "role.grant", person_reference(2))
    audit.note("user:1", "job.cancel", "job:8")
    return audit


@pytest.mark.parametrize(
    ("wanted", "targets"),
    [
        ({}, ["job:8", "user:2", "job:7"]),
        ({"limit": 2}, ["job:8", "user:2"]),
        ({"target": "job:7"}, ["job:7"]),
        ({"by": "user:1"}, ["job:8", "job:7"]),
        ({"by": "vera"}, []),
    ],
)
def test_entries_are_listed_newest_first(audit, wanted, targets):
    assert [entry.target for entry in audit.list_newest(**wanted)] == targets


def test_next_page_begins_below_the_last_entry_of_the_page_before(audit, clock):
    _, last = audit.list_newest(limit=2)
    (entry,) = audit.list_newest(before=last.id)
    assert (entry.target, entry.arguments) == ("job:7", {"reason": "дорого"})
    assert entry.at == clock()
