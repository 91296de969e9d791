"""Uploaded files: their bytes in a folder, their rows in the database.

The bytes are whole and durable before the row exists; bytes without a row are swept at the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from merlin.core import durable
from merlin.core.clock import utc_now
from merlin.core.killpoint import reached
from merlin.engine.limits import no_limit
from merlin.engine.paging import Page, rows_of
from merlin.engine.refusal import missing
from merlin.engine.repeats import Repeats, Wish
from merlin.engine.rows import Row, Rows

PURPOSE = "fine-tune"
MOST_BYTES = 512 * 1024 * 1024


class Files:
    """The engine's files."""

    def __init__(self, rows: Rows, repeats: Repeats, folder: Path) -> None:
        self._rows = rows
        self._repeats = repeats
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def beside(self) -> Path:
        """Return a new path in the folder to write an upload to, before it has its name."""
        return self._folder / f".{secrets.token_hex(8)}.part"

    def add(
        self, name: str, part: Path, wish: Wish, let_keep: Callable[[int], object] = no_limit
    ) -> bytes:
        """Keep the upload that lies at `part`; return the answer, the first one when repeated.

        `let_keep` is asked with its bytes, and raises where they are too many for its owner.
        """
        stored = self._repeats.answer(wish)
        if stored is not None:
            return stored
        file_id = f"file-{secrets.token_hex(12)}"
        size = part.stat().st_size
        durable.settle(part, self.path(file_id))
        reached("engine.file_written")

        def insert() -> dict[str, object]:
            let_keep(size)
            return self._insert(file_id, name, size, wish.owner)

        was_done = True
        try:
            answer, was_done = self._repeats.once(wish, insert)
        finally:
            if was_done:  # the same upload came twice at once, or may not be kept
                durable.remove(self.path(file_id))
        reached("engine.file_recorded")
        return answer

    def _insert(self, file_id: str, name: str, size: int, owner: str) -> dict[str, object]:
        sql = (
            "INSERT INTO file (id, filename, purpose, bytes, created_at, owner)"
            " VALUES (?, ?, ?, ?, ?, ?)"
        )
        self._rows.change(sql, file_id, name, PURPOSE, size, utc_now().timestamp(), owner)
        return file_object(self.get(file_id))

    def get(self, file_id: str) -> Row:
        """Return a file's row. Raises Refusal 404."""
        found = self._rows.select("SELECT * FROM file WHERE id = ?", file_id)
        if not found:
            raise missing("File object", file_id, "file_id")
        return found[0]

    def has(self, file_id: str, owner: str = "") -> bool:
        """Return whether there is such a file, of this owner where one is named."""
        sql = "SELECT 1 FROM file WHERE id = ? AND ? IN ('', owner)"
        return bool(self._rows.select(sql, file_id, owner))

    def path(self, file_id: str) -> Path:
        """Return where the bytes of a file lie; `file_id` is one of ours."""
        return self._folder / file_id

    def list(self, purpose: str, page: Page, owner: str = "") -> tuple[list[Row], bool]:
        """Return a page of an owner's files of a purpose ("" for all), and whether more follow."""
        where = "? IN ('', purpose) AND ? IN ('', owner)"
        return rows_of(self._rows, "file", where, [purpose, owner], page)

    def delete(self, file_id: str) -> None:
        """Forget a file and its bytes. Raises Refusal 404."""
        self.get(file_id)
        with self._rows.transaction():
            self._rows.change("DELETE FROM file WHERE id = ?", file_id)
            self._repeats.forget(file_id)
        durable.remove(self.path(file_id))

    def sweep(self) -> None:
        """Remove bytes that no row names: an upload that was cut off."""
        known = {row["id"] for row in self._rows.select("SELECT id FROM file")}
        for path in self._folder.iterdir():
            if path.name not in known:
                durable.remove(path)


def file_object(row: Mapping[str, object]) -> dict[str, object]:
    """Return the protocol's File. Source: openapi.yaml, OpenAIFile.

    `expires_at` and `status_details` are left out: the description lets neither be null.
    """
    return {
        "id": row["id"],
        "object": "file",
        "bytes": row["bytes"],
        "created_at": int(float(str(row["created_at"]))),
        "filename": row["filename"],
        "purpose": row["purpose"],
        "status": "processed",
    }
