"""Conversion between columns and values: times, JSON, encrypted texts, whole dataclasses.

A text that no key decrypts does not keep other rows from being read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from merlin.core.clock import from_iso, iso
from merlin.core.errors import reading_stored
from merlin.core.log import get_logger
from merlin.core.messages import REJECTED, Message
from merlin.core.money import Amount, Currency
from merlin.db.encryption import Cipher, DecryptionFailed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from peewee import Select

    from merlin.db.database import Database, Query, Row

log = get_logger(__name__)


def decrypt(cipher: Cipher, sealed: str) -> str | None:
    """Return the decrypted text; "" for a deleted one, None if no key decrypts it."""
    if not sealed:
        return ""
    try:
        return cipher.open(sealed)
    except DecryptionFailed as error:
        log.warning("a stored text cannot be opened", reason=str(error))
        return None


_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def storable_text(text: str) -> str:
    """Return `text` as both databases can store it: without NUL and lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", _UNKNOWN)


def storable_values(values: Any) -> Any:
    """Return the values of a statement, by name or in order, without NUL.

    Half a character stays the driver's error: it is told to who typed it.
    """
    if isinstance(values, Mapping):
        return dict(zip(values, storable_values(values.values()), strict=True))
    return values and [
        value.replace("\0", _UNKNOWN) if isinstance(value, str) else value
        for value in values
    ]


def dump_json(value: object) -> str:
    """Return `value` as JSON for a column."""
    return storable_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def load_json(text: str | None) -> Any:
    """Return what `dump_json` wrote; None stays None. Raises MerlinError for what it did not."""
    with reading_stored():
        return None if text is None else json.loads(text)


def read_messages(text: str) -> tuple[Message, ...]:
    """Return the messages of a row of `example_text` without the worse answer."""
    stored = json.loads(text)
    messages = (Message(each.pop("role"), each.pop("content"), each) for each in stored)
    return tuple(each for each in messages if each.role != REJECTED)


V = TypeVar("V", bound="DataclassInstance")
_Read = Callable[["Row", Any], Any]
_Write = Callable[[Any, Any], dict[str, Any]]


class RowMap(Generic[V]):
    """Maps a dataclass to the columns of a row, by the types of its fields.

    `columns` contains the column names that differ from the field names, `sealed` the table's
    encrypted columns ("" is stored unencrypted), `json` the functions that read values written by
    `as_json`, by field. An Amount takes the columns `amount` and `currency`, a Mapping is stored as
    JSON, a nested dataclass in the same row.
    """

    def __init__(
        self,
        kind: type[V],
        columns: Mapping[str, str] | None = None,
        sealed: Collection[str] = (),
        json: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        self._kind = kind
        self._columns = columns or {}
        self._sealed = sealed
        self._json = json or {}
        hints = get_type_hints(kind)
        names = [field.name for field in fields(kind)]
        self._fields = {name: self._field(name, hints[name]) for name in names}

    def read(self, row: Row, db: Database | None = None, **given: object) -> V:
        """Return the value of a row; `given` are fields that are not in the row.

        Raises AttributeError for a field that is in neither, even if it has a default.
        """
        found = {
            name: getattr(row, read) if isinstance(read, str) else read(row, db)
            for name, (read, _) in self._fields.items()
            if name not in given
        }
        return self._kind(**found, **given)

    def find(self, db: Database, query: Select) -> V | None:
        """Return the value of the first row of a SELECT, or None."""
        row = db.row(query)
        return None if row is None else self.read(row, db)

    def read_all(self, db: Database, query: Query) -> list[V]:
        """Return the values of the rows of a SELECT."""
        return [self.read(row, db) for row in db.rows(query)]

    def write(
        self, value: V, db: Database | None = None, but: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return the columns of a value, without those of the fields `but`."""
        row = dict[str, Any]()
        for name, (_, write) in self._fields.items():
            if name not in but:
                row |= write(getattr(value, name), db)
        return row

    def _field(self, name: str, hint: Any) -> tuple[str | _Read, _Write]:
        """Return the column of a field or the function that reads it, and the one to write it."""
        column = self._columns.get(name, name)
        if hint is Amount:
            return (
                lambda row, _: Amount(row.amount, Currency(row.currency)),
                lambda value, _: {
                    "amount": value.minor,
                    "currency": value.currency.value,
                },
            )
        if name in self._json:
            reader = self._json[name]
            return (
                lambda row, _: reader(load_json(getattr(row, column))),
                lambda value, _: {column: dump_json(value.as_json())},
            )
        if isinstance(hint, type) and is_dataclass(hint):
            inner = RowMap(hint, self._columns, self._sealed, self._json)
            return inner.read, inner.write
        if column in self._sealed:
            return (
                lambda row, db: _open_text(db, getattr(row, column)),
                lambda value, db: {column: db.cipher.seal(value) if value else ""},
            )
        to_value, to_column = _converters(hint)
        return (
            column
            if to_value is _same
            else lambda row, _: _convert(to_value, getattr(row, column)),
            lambda value, _: {column: None if value is None else to_column(value)},
        )


def _converters(hint: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return the functions that convert a column to a value of this type and back."""
    inner = get_args(hint) if get_origin(hint) in (UnionType, Union, tuple) else ()
    kind: Any = next((each for each in inner if each is not NoneType), hint)
    if get_origin(hint) is tuple:
        return lambda words: tuple(map(kind, words.split())), " ".join
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind, attrgetter("value")
    if get_origin(kind) in (Mapping, dict):
        return load_json, lambda value: dump_json(dict(value))
    known: Mapping[Any, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        datetime: (from_iso, iso),
        bool: (bool, int),
        str: (_same, storable_text),
    }
    return known.get(kind, (_same, _same))


def _convert(to_value: Callable[[Any], Any], stored: Any) -> Any:
    return None if stored is None else to_value(stored)


def _open_text(db: Database, sealed: str) -> str:
    return (decrypt(db.cipher, sealed) or "") if sealed else ""


def _same(value: Any) -> Any:
    return value


def read_row(shape: type[V], row: Row, **given: object) -> V:
    """Return a row as a dataclass, by a `RowMap` without renamed or encrypted columns."""
    found: V = _row_map(shape).read(row, None, **given)
    return found


_row_map = cache(RowMap)
