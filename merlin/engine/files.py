"""Uploaded files: their bytes in a folder, their rows in the database.

The bytes are whole and durable before the row exists; bytes without a row are swept at the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.core.killpoint import kill_point
from merlin.engine.database import IdempotencyKey, Page, Repeats, Row, Rows, rows_of
from merlin.openai_protocol.errors import missing
from merlin.openai_protocol.responses import file_object

PURPOSE = "fine-tune"


class Files:
    """The engine's files."""

    def __init__(self, rows: Rows, repeats: Repeats, folder: Path) -> None:
        self._rows = rows
        self._repeats = repeats
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def upload_path(self) -> Path:
        """Return a new path in the folder to write an upload to, before it has its name."""
        return self._folder / f".{secrets.token_hex(8)}.part"

    def add(
        self,
        name: str,
        part: Path,
        idempotency: IdempotencyKey,
        check_storage: Callable[[int], object],
    ) -> bytes:
        """Keep the upload that lies at `part`; return the answer, the first one when repeated.

        `check_storage` is asked with its bytes, and raises where they are too many for its owner.
        """
        stored = self._repeats.answer(idempotency)
        if stored is not None:
            return stored
        file_id = f"file-{secrets.token_hex(12)}"
        size = part.stat().st_size
        durable_files.rename_durably(part, self.path(file_id))
        kill_point("engine.file_written")

        def insert() -> dict[str, object]:
            check_storage(size)
            now, owner = utc_now().timestamp(), idempotency.owner
            columns = {"filename": name, "purpose": PURPOSE, "bytes": size, "created_at": now}
            self._rows.insert("file", id=file_id, owner=owner, **columns)
            return file_of(self.get(file_id))

        was_done = True
        try:
            answer, was_done = self._repeats.once(idempotency, insert)
        finally:
            if was_done:  # the same upload came twice at once, or may not be kept
                durable_files.remove_durably(self.path(file_id))
        kill_point("engine.file_recorded")
        return answer

    def get(self, file_id: str) -> Row:
        """Return a file's row. Raises ApiError 404."""
        row = self._rows.one("SELECT * FROM file WHERE id = ?", file_id)
        if row is None:
            raise missing("File object", file_id, "file_id")
        return row

    def has(self, file_id: str, owner: str = "") -> bool:
        """Return whether there is such a file, of this owner where one is named."""
        sql = "SELECT 1 FROM file WHERE id = ? AND ? IN ('', owner)"
        return self._rows.one(sql, file_id, owner) is not None

    def path(self, file_id: str) -> Path:
        """Return where the bytes of a file lie; `file_id` is one of ours."""
        return self._folder / file_id

    def list(self, purpose: str, page: Page, owner: str = "") -> tuple[list[Row], bool]:
        """Return a page of an owner's files of a purpose ("" for all), and whether more follow."""
        where = "? IN ('', purpose) AND ? IN ('', owner)"
        return rows_of(self._rows, "file", where, [purpose, owner], page)

    def delete(self, file_id: str) -> None:
        """Forget a file and its bytes. Raises ApiError 404."""
        self.get(file_id)
        with self._rows.transaction():
            self._rows.change("DELETE FROM file WHERE id = ?", file_id)
            self._repeats.forget(file_id)
        durable_files.remove_durably(self.path(file_id))

    def sweep(self) -> None:
        """Remove bytes that no row names: an upload that was cut off."""
        known = {row["id"] for row in self._rows.select("SELECT id FROM file")}
        for path in self._folder.iterdir():
            if path.name not in known:
                durable_files.remove_durably(path)


def file_of(row: Row) -> dict[str, object]:
    """Return the protocol's File."""
    names = row["id"], row["filename"]
    return file_object(*names, row["bytes"], row["created_at"], row["purpose"])
