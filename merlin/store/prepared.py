"""Prepared: a query whose SQL is spelled once a dialect, with slots for its values.

peewee walks its tree of objects for each query anew, which costs ten times what SQLite does with
the outcome. Queries that run with every question are built once, as constants of their module:

    _ONE = Prepared(TURN.select().where(TURN.update_id == Slot("update_id")))
    ...
    row = self.db.row(_ONE(update_id=7))
"""

from __future__ import annotations

from typing import Any

from peewee import Insert, Select

from merlin.store.connections import Handle


class Slot:
    """The place of a value in a prepared query."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def slots(names: str) -> dict[str, Slot]:
    """Return columns, named between spaces, each with a slot of its own name."""
    return {name: Slot(name) for name in names.split()}


class Prepared:
    """A query with slots; called with a value for each, it is one that `Database` carries out."""

    def __init__(self, query: Any) -> None:
        self._query = query
        self._spelled: dict[str, tuple[str, tuple[object, ...]]] = {}
        self.is_select = isinstance(query, Select)
        # An INSERT tells the new id, unless it was asked how many rows it stored.
        self.tells_id = isinstance(query, Insert) and not self._query._as_rowcount

    def __call__(self, **values: object) -> Filled:
        """Return the query with these values in its slots."""
        return Filled(self, values)

    def spelled(self, handle: Handle) -> tuple[str, tuple[object, ...]]:
        """Return the SQL and its values, slots among them."""
        found = self._spelled.get(handle.dialect)
        if found is None:
            query = self._query.clone().bind(handle)
            if self.tells_id and handle.returning_clause:
                query = query.returning(*query._pk_returning())
            sql, values = query.sql()
            found = self._spelled[handle.dialect] = (sql, tuple(values))
        return found


class Filled:
    """A prepared query with its values; fulfils `database.Query`."""

    __slots__ = ("_prepared", "_values")

    def __init__(self, prepared: Prepared, values: dict[str, object]) -> None:
        self._prepared = prepared
        self._values = values

    def bind(self, database: object) -> Filled:  # noqa: ARG002 - the shape of peewee's queries
        """Return itself: a prepared query belongs to no database."""
        return self

    def limit(self, most: int) -> Filled:  # noqa: ARG002 - the shape of peewee's queries
        """Return itself: what a prepared query is to be limited to stands in it."""
        return self

    def execute(self, database: Any = None) -> Any:
        """Carry the query out: rows of a SELECT, the id of an INSERT, else how many rows it met."""
        sql, places = self._prepared.spelled(database)
        given = self._values
        values = [given[one.name] if type(one) is Slot else one for one in places]
        cursor = database.execute_sql(sql, values)
        if self._prepared.is_select:
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if not self._prepared.tells_id:
            return cursor.rowcount
        if database.returning_clause:
            told = cursor.fetchone()
            return told[0] if told else 0
        return cursor.lastrowid if cursor.rowcount > 0 else 0
