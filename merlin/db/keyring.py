"""Rotation of the key of people's texts, while Merlin is stopped.

    put a new key in front of the old one -> encrypt all texts again -> remove the old key

An interrupted rotation is repeated: a key file with several keys means that one is in progress.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from peewee import SQL, Tuple, fn

from merlin.core.durable_files import give_to_owner, write_durably
from merlin.core.errors import ConfigError, Refused
from merlin.db.database import Database, Repository, Row
from merlin.db.encryption import (
    SEALED,
    DecryptionFailed,
    format_keys,
    key_id,
    new_key,
    read_keys,
)
from merlin.db.tables import Table, list_all_tables

AT_ONCE = 200
# Called after each batch with the number of texts done and the total.
Progress = Callable[[int, int], None]


def add_key(path: Path) -> None:
    """Put a new key in front of those of the file."""
    _replace(path, [new_key(), *read_keys(path)])


def remove_older_keys(path: Path) -> None:
    """Remove all keys but the encrypting one from the file."""
    _replace(path, read_keys(path)[:1])


def key_ids(path: Path, given: str | None) -> list[str]:
    """Return the ids of the keys, the encrypting one first; [] if there is none."""
    return [key_id(key) for key in read_keys(path, given)]


def require_key_of_texts(db: Database, held: Collection[str]) -> None:
    """Raise ConfigError if another key than the `held` ones encrypted the database's texts.

    Reads one text of each column: all of them would delay each start.
    """
    for table, name in _columns():
        column = getattr(table, name)
        sealed = db.value(table.select(column).where(column != "").limit(1))
        if not sealed:
            continue
        form = SEALED.fullmatch(str(sealed))
        if form is None:
            where = f"{table.__name__}.{name}"
            raise ConfigError(
                f"no sealed text in {where}", "store-other-form", where=where
            )
        if form["key"] not in held:
            key = form["key"]
            raise ConfigError(f"texts of the key {key}", "store-no-key", key_id=key)


def _replace(path: Path, keys: list[bytes]) -> None:
    """Replace the file; it belongs to the folder's owner. Raises Refused without permission."""
    path = path.resolve()

    def write(draft: Path) -> None:
        draft.touch(0o600)
        draft.write_bytes(format_keys(keys))
        give_to_owner(draft, path.parent)

    try:
        write_durably(path, write)
    except PermissionError as error:
        arguments = {"name": str(path), "user": str(path.stat().st_uid)}
        raise Refused(
            f"{path} is another user's", "key-other-owner", **arguments
        ) from error


class Reencryption(Repository):
    """Encrypts every encrypted value of a database again, with the newest key."""

    def count_by_key(self) -> Mapping[str, int]:
        """Return the number of values that each key encrypted, by key id."""
        sums: dict[str, int] = {}
        for table, name in _columns():
            column = getattr(table, name)
            # "1.<8 letters>.…": the part before the second full stop.
            key: Any = fn.SUBSTR(column, 3, 8).alias("key")
            query = table.select(key, fn.COUNT(column).alias("number")).where(
                column != ""
            )
            for row in self.db.rows(query.group_by(SQL("1"))):
                sums[row.key] = sums.get(row.key, 0) + int(row.number)
        return sums

    def left(self) -> int:
        """Return the number of values that other keys encrypted."""
        return sum(
            count
            for key, count in self.count_by_key().items()
            if key != self.db.cipher.newest
        )

    def run(self, progress: Progress) -> int:
        """Encrypt everything again; return the number of values that no key decrypts; they stay."""
        done = 0
        total = self.left()
        broken = 0
        for table, name in _columns():
            after: Row | None = None
            while rows := self._next(table, name, after):
                after = rows[-1]
                changed, unread = self.db.transact(
                    partial(self._seal, table, name, rows)
                )
                done = done + changed
                broken = broken + unread
                progress(done, max(total, done))
        return broken

    def _next(self, table: Table, name: str, after: Row | None) -> list[Row]:
        """Return the next rows that another key encrypted, in the order of their primary key."""
        column = getattr(table, name)
        keys = [getattr(table, each) for each in table.row_key]
        is_old = (column != "") & (fn.SUBSTR(column, 3, 8) != self.db.cipher.newest)
        query = table.select(*keys, column).where(is_old).order_by(*keys).limit(AT_ONCE)
        if after is not None:
            query = query.where(
                Tuple(*keys) > Tuple(*(getattr(after, each) for each in table.row_key))
            )
        return self.db.rows(query)

    def _seal(self, table: Table, name: str, rows: list[Row]) -> tuple[int, int]:
        changed = unread = 0
        for row in rows:
            try:
                words = self.db.cipher.open(getattr(row, name))
            except DecryptionFailed:
                unread += 1
                continue
            same = [
                getattr(table, each) == getattr(row, each) for each in table.row_key
            ]
            new = {name: self.db.cipher.seal(words)}
            changed += self.db.change(table.update(new).where(*same))
        return changed, unread


def _columns() -> Iterator[tuple[Table, str]]:
    """Yield each encrypted column; "" and NULL stand for deleted texts."""
    for table in list_all_tables():
        for name in table.sealed:
            yield table, name
