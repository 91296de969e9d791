"""Reading what a call brings: JSON with a bound, its fields, and an upload streamed to a file."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from merlin.core.server import read_pieces
from merlin.engine.training_file import HalfCharacter, read_json
from merlin.openai_protocol.errors import ApiError, bad_field

MOST_UPLOAD = 512 * 1024 * 1024
MOST_JSON = 4_000_000
_PIECE = 1 << 20
_FRAMING = 1 << 20  # what a multipart form may have beside the file


async def json_object(request: Request) -> dict[str, object]:
    """Return a call's JSON object. Raises ApiError 400, or 413 above 4 MB."""
    too_large = _too_large(MOST_JSON)
    content = b"".join([piece async for piece in read_pieces(request, MOST_JSON, too_large)])
    try:
        body = read_json(content.decode("utf-8-sig"))
    except HalfCharacter as error:
        words = "The body holds half a character, a lone surrogate (\\ud800 to \\udfff)."
        raise ApiError(400, f"{words} Send whole ones.") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not JSON; send one JSON object.") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be one JSON object.")
    return body


@asynccontextmanager
async def form_of(
    request: Request, most_bytes: int = MOST_UPLOAD, needs: str = "'file' and 'purpose'"
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


async def write_upload(upload: UploadFile, target: Path) -> str:
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


def required_text(body: Mapping[str, object], name: str) -> str:
    """Return a field's text. Raises ApiError 400 where there is none."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise bad_field(name, f"Missing required parameter: '{name}' must be a text.")
    return value


def required_model(body: Mapping[str, object]) -> str:
    """Return the name of the model that is asked. Raises ApiError 400 where there is none."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise bad_field("model", "you must provide a model parameter")
    return model


def whole_number(
    body: Mapping[str, object], name: str, least: int, most: float, range_words: str = ""
) -> int | None:
    """Return a field's whole number, None where it is not given.

    Raises ApiError 400 outside `least` to `most`; `range_words` say that where they say it better.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        words = range_words or f"from {least} to {most}"
        raise bad_field(name, f"{name} must be a whole number {words}")
    return value


def number(body: Mapping[str, object], name: str, least: float, most: float) -> float | None:
    """Return a field's number, None where it is not given. Raises ApiError 400 out of range."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise bad_field(name, f"{name} must be a number from {least:g} to {most:g}")
    return float(value)
