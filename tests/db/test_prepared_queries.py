"""Prepared queries return the same rows as peewee's own, on both databases."""

import pytest

from merlin.db.database import Parameter, Prepared, parameters
from merlin.db.tables import INTENT, NOTICE

pytestmark = pytest.mark.integration

NEW = Prepared(
    INTENT.insert(parameters("key kind state outside_id sent_at empty_finds"))
    .on_conflict_ignore()
    .as_rowcount()
)
TOLD = Prepared(
    NOTICE.insert(
        parameters("to_whom key arguments once created_at handed_over_at")
    ).on_conflict_ignore()
)
FOUND = Prepared(
    INTENT.select(INTENT.key, INTENT.empty_finds)
    .where((INTENT.kind == "upload") & (INTENT.empty_finds >= Parameter("least")))
    .order_by(INTENT.key)
)
MORE = Prepared(
    INTENT.update({"empty_finds": INTENT.empty_finds + Parameter("by")}).where(
        INTENT.key == Parameter("key")
    )
)
GONE = Prepared(INTENT.delete().where(INTENT.key.in_([Parameter("one"), Parameter("two")])))


def intent(key, finds=0):
    blank = {"kind": "upload", "state": "ready", "outside_id": "", "sent_at": None}
    return NEW(key=key, empty_finds=finds, **blank)


def notice(once):
    blank = {"to_whom": "admins", "key": "x", "arguments": "{}", "handed_over_at": None}
    return TOLD(once=once, created_at="", **blank)


def test_rows_are_stored_found_changed_and_deleted(database):
    with database.atomic():
        assert [database.change(intent(f"k{n}", n)) for n in range(3)] == [1, 1, 1]
        assert database.change(intent("k1", 9)) == 0
        assert database.change(MORE(key="k2", by=5)) == 1
        assert database.change(MORE(key="nobody", by=5)) == 0
        rows = [{"key": "k1", "empty_finds": 1}, {"key": "k2", "empty_finds": 7}]
        assert database.rows(FOUND(least=1)) == rows
        assert database.row(FOUND(least=2)) == rows[1]
        assert database.row(FOUND(least=8)) is None
        assert database.value(FOUND(least=0)) == "k0"
        assert database.change(GONE(one="k0", two="k2")) == 2
    assert database.rows(FOUND(least=0)) == rows[:1]


def test_insert_returns_the_new_id_or_0_on_a_conflict(database):
    with database.atomic():
        first, second = database.insert_id(notice("a")), database.insert_id(notice("b"))
        assert 0 < first < second
        assert database.insert_id(notice("a")) == 0
    rows = database.rows(NOTICE.select(NOTICE.id, NOTICE.once).order_by(NOTICE.id))
    assert [(row["id"], row["once"]) for row in rows] == [(first, "a"), (second, "b")]


def test_missing_parameter_raises_an_error_and_an_extra_one_does_not(database):
    with pytest.raises(KeyError, match="least"):
        database.rows(FOUND(most=1))
    assert database.rows(FOUND(least=0, most=1)) == []
