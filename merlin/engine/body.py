"""Reading what a call brings: JSON with a bound, and an upload streamed to a file."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from merlin.core.body import pieces
from merlin.engine.files import MOST_BYTES
from merlin.engine.parts import HalfCharacter, read_json
from merlin.engine.refusal import Refusal

MOST_JSON = 4_000_000
_PIECE = 1 << 20
_FRAMING = 1 << 20  # what a multipart form may have beside the file


async def json_object(request: Request) -> dict[str, object]:
    """Return a call's JSON object. Raises Refusal 400, or 413 above 4 MB."""
    too_large = _too_large(MOST_JSON)
    content = b"".join([piece async for piece in pieces(request, MOST_JSON, too_large)])
    try:
        asked = read_json(content.decode("utf-8-sig"))
    except HalfCharacter as error:
        words = "The body holds half a character, a lone surrogate (\\ud800 to \\udfff)."
        raise Refusal(400, f"{words} Send whole ones.") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "The body is not JSON; send one JSON object.") from error
    if not isinstance(asked, dict):
        raise Refusal(400, "The body must be one JSON object.")
    return asked


@asynccontextmanager
async def form_of(
    request: Request, most_bytes: int = MOST_BYTES, needs: str = "'file' and 'purpose'"
) -> AsyncIterator[FormData]:
    """Give a multipart form; its file lies on disk above 1 MB.

    Raises Refusal 400 with what the form `needs`, or 413 above `most_bytes`.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(400, f"Send the file as multipart/form-data with {needs}.")
    stream = pieces(request, most_bytes + _FRAMING, _too_large(most_bytes))
    try:
        form = await MultiPartParser(request.headers, stream, max_files=1, max_fields=16).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Refusal(400, f"The form cannot be read: {error}") from error
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


def _too_large(most: int) -> Refusal:
    text = f"The body is larger than {most // 1_000_000} MB, which is the limit."
    return Refusal(413, text, code="request_too_large")
