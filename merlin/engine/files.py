"""Uploaded files: their bytes in a folder, their rows in the database; reading what a call brings.

The bytes are whole and durable before the row exists; bytes without a row are swept at the start.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from merlin.core import durable_files
from merlin.core.clock import utc_now
from merlin.core.killpoint import kill_point
from merlin.core.server import read_pieces
from merlin.engine.database import IdempotencyKey, Page, Repeats, Row, Rows, rows_of
from merlin.engine.training_file import HalfCharacter, read_json
from merlin.openai_protocol.errors import ApiError, missing
from merlin.openai_protocol.responses import file_object

PURPOSE = "fine-tune"
MOST_BYTES = 512 * 1024 * 1024
MOST_JSON = 4_000_000
_PIECE = 1 << 20
_FRAMING = 1 << 20  # what a multipart form may have beside the file


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


async def json_object(request: Request) -> dict[str, object]:
    """Return a call's JSON object. Raises ApiError 400, or 413 above 4 MB."""
    too_large = _too_large(MOST_JSON)
    content = b"".join([piece async for piece in read_pieces(request, MOST_JSON, too_large)])
    try:
        asked = read_json(content.decode("utf-8-sig"))
    except HalfCharacter as error:
        words = "The body holds half a character, a lone surrogate (\\ud800 to \\udfff)."
        raise ApiError(400, f"{words} Send whole ones.") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not JSON; send one JSON object.") from error
    if not isinstance(asked, dict):
        raise ApiError(400, "The body must be one JSON object.")
    return asked


@asynccontextmanager
async def form_of(
    request: Request, most_bytes: int = MOST_BYTES, needs: str = "'file' and 'purpose'"
) -> AsyncIterator[FormData]:
    """Give a multipart form; its file lies on disk above 1 MB.

    Raises ApiError 400 with what the form `needs`, or 413 above `most_bytes`.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(400, f"Send the file as multipart/form-data with {needs}.")
    stream = read_pieces(request, most_bytes + _FRAMING, _too_large(most_bytes))
    try:
        form = await MultiPartParser(request.headers, stream, max_files=1, max_fields=16).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise ApiError(400, f"The form cannot be read: {error}") from error
    try:
        yield form
    finally:
        await form.close()


async def spill(upload: UploadFile, target: Path) -> str:
    """Write an upload to `target`; return its sha256. Raises OSError when the disk refuses."""

    def copy() -> str:
        digest = hashlib.sha256()
        with target.open("wb") as out:
            while piece := upload.file.read(_PIECE):
                digest.update(piece)
                out.write(piece)
        return digest.hexdigest()

    return await run_in_threadpool(copy)


def _too_large(most: int) -> ApiError:
    text = f"The body is larger than {most // 1_000_000} MB, which is the limit."
    return ApiError(413, text, code="request_too_large")
