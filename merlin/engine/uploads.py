"""Uploads in parts: `uploads/<upload>/<part>` until they are joined into a file, for an hour.

A part is a file of its own that is complete when it has its name, so it needs no row. An upload is
completed by a call that may be repeated: the file's id follows from the upload's, and the openai
package sends a call again whose connection broke. Source: openapi.yaml, /uploads.
"""

import hashlib
import re
import secrets
import shutil
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.engine.database import Database, Row, read_object
from merlin.engine.storage import PURPOSE, Files
from merlin.openai_protocol.errors import ApiError, bad_field, missing

MAX_BYTES = 8 * 1024**3
LIFE_S = 3600
PENDING = "pending"
COMPLETED = "completed"
CANCELLED = "cancelled"
EXPIRED = "expired"
_PART_ID = re.compile("part_[0-9a-f]{24}")


class Uploads:
    """The repository of uploads in parts."""

    def __init__(self, database: Database, folder: Path, files: Files) -> None:
        self._database = database
        self._folder = folder
        self._files = files
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, name: str, size: int) -> Row:
        """Begin an upload of so many bytes; remove the parts of those that are over."""
        with self._lock:
            self.clean_up()
        upload_id = f"upload_{secrets.token_hex(12)}"
        now = int(utc_now().timestamp())
        self._database.insert(
            "upload",
            id=upload_id,
            status=PENDING,
            filename=name,
            purpose=PURPOSE,
            bytes=size,
            created_at=now,
        )
        return self.get(upload_id)

    def get(self, upload_id: str) -> Row:
        """Return the row of an upload. Raises ApiError 404 if there is none."""
        row = read_object(self._database, "upload", upload_id)
        is_late = utc_now().timestamp() >= row["created_at"] + LIFE_S
        return (
            {**row, "status": EXPIRED} if is_late and row["status"] == PENDING else row
        )

    def find_file(self, row: Row) -> Row | None:
        """Return the row of a completed upload's file, None before, and after its deletion."""
        file_id = _build_file_id(row)
        is_there = row["status"] == COMPLETED and self._files.has(file_id)
        return self._files.get(file_id) if is_there else None

    def add_part(self, upload_id: str, content: BinaryIO) -> str:
        """Store a part; return its id. Raises ApiError 400 if nothing can be added any more."""
        folder = self._folder / self._require_pending(upload_id)["id"]
        part_id = f"part_{secrets.token_hex(12)}"
        copy = partial(durable_files.copy_stream, content)
        durable_files.write_durably(folder / part_id, copy)
        return part_id

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str) -> Row:
        """Join the parts in this order into a file; return the upload's row.

        Raises ApiError 400 if they are not as long as the upload was to be, or differ from `md5`
        (hex, "" to check nothing), 404 for an unknown part.
        """
        with self._lock:  # a repeated call may come before the first is done
            if self.get(upload_id)["status"] == COMPLETED:
                return self.get(upload_id)
            row = self._require_pending(upload_id)
            parts = [self._locate_part(upload_id, part_id) for part_id in part_ids]
            size = sum(part.stat().st_size for part in parts)
            if size != row["bytes"]:
                raise bad_field(
                    "part_ids",
                    f"The parts have {size} bytes, the upload was to have {row['bytes']}.",
                )
            file_id = _build_file_id(row)
            self._files.write(file_id, lambda target: _join(parts, target, md5))
            with self._database.transaction():
                self._files.record(file_id, row["filename"])
                self._set_status(upload_id, COMPLETED)
            durable_files.remove_durably(self._folder / upload_id)
        return self.get(upload_id)

    def cancel(self, upload_id: str) -> Row:
        """Cancel a pending upload; return its row. Raises ApiError 400 for another one."""
        with self._lock:
            self._require_pending(upload_id)
            self._set_status(upload_id, CANCELLED)
            durable_files.remove_durably(self._folder / upload_id)
        return self.get(upload_id)

    def clean_up(self) -> int:
        """Remove the parts of uploads that are over, and set folders of no upload aside.

        Returns how many were set aside.
        """
        since = utc_now().timestamp() - LIFE_S
        sql = "SELECT id, status = ? AND created_at > ? AS is_open FROM upload"
        rows = self._database.select(sql, PENDING, since)
        for row in rows:
            if not row["is_open"]:
                durable_files.remove_durably(self._folder / row["id"])
        known = {self._folder / row["id"] for row in rows}
        root = self._folder.parent
        return durable_files.set_aside(root, self._folder.iterdir(), known)

    def _require_pending(self, upload_id: str) -> Row:
        row = self.get(upload_id)
        if row["status"] != PENDING:
            raise ApiError(400, f"The upload is {row['status']}: begin another one.")
        return row

    def _locate_part(self, upload_id: str, part_id: str) -> Path:
        path = self._folder / upload_id / part_id
        if not _PART_ID.fullmatch(part_id) or not path.is_file():
            raise missing("part of this upload", part_id[:80], "part_ids")
        return path

    def _set_status(self, upload_id: str, status: str) -> None:
        self._database.change(
            "UPDATE upload SET status = ? WHERE id = ?", status, upload_id
        )


def _build_file_id(row: Row) -> str:
    return str(row["id"]).replace("upload_", "file-")


def _join(parts: Sequence[Path], target: Path, md5: str) -> None:
    with target.open("wb") as out:
        for part in parts:
            with part.open("rb") as content:
                shutil.copyfileobj(content, out)
    if not md5:
        return
    with target.open("rb") as whole:
        found = hashlib.file_digest(whole, "md5").hexdigest()
    if found != md5.lower():
        raise bad_field("md5", f"The joined parts have the md5 {found}.")
