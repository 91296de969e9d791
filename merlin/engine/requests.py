"""Parsing of request bodies: validated fields, and streamed uploads."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from merlin.core.server import read_chunks
from merlin.openai_protocol.errors import ApiError, bad_field
from merlin.openai_protocol.requests import (
    Fields,
    UnsupportedFields,
    body_size_error,
    invalid_field,
)

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
UNSUPPORTED = "this engine does not support it; leave the field out"
_CHUNK_BYTES = 1 << 20
_FORM_OVERHEAD_BYTES = 1 << 20  # allowed bytes of a multipart form besides the file


@asynccontextmanager
async def open_form(request: Request) -> AsyncIterator[FormData]:
    """Yield a multipart form; a file above 1 MB is spooled to disk.

    Raises ApiError 400 for another form, or 413 above MAX_UPLOAD_BYTES.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(400, "Send the file as multipart/form-data with 'file' and 'purpose'.")
    most_bytes = MAX_UPLOAD_BYTES + _FORM_OVERHEAD_BYTES
    stream = read_chunks(request, most_bytes, body_size_error(MAX_UPLOAD_BYTES))
    try:
        form = await MultiPartParser(request.headers, stream, max_files=1, max_fields=16).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise ApiError(400, f"The form cannot be read: {error}") from error
    try:
        yield form
    finally:
        await form.close()


async def write_upload(upload: UploadFile, target: Path) -> None:
    """Write an upload to `target`. Raises OSError if the write fails."""

    def copy() -> None:
        with target.open("wb") as out:
            shutil.copyfileobj(upload.file, out, _CHUNK_BYTES)

    await run_in_threadpool(copy)


class RequestBody(Fields):
    """A request body."""

    @classmethod
    def parse(cls, body: object) -> Self:
        """Parse a body. Raises ApiError 400 that names the first invalid field."""
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            first_error = error.errors(include_url=False, include_context=False)[0]
            field = invalid_field(first_error)
            if first_error["type"] == "missing":
                raise bad_field(field, f"Missing required parameter: '{field}'.") from error
            is_unsupported = first_error["loc"][0] in UnsupportedFields.model_fields
            message = UNSUPPORTED if is_unsupported else first_error["msg"]
            raise bad_field(field, f"{field}: {message}") from error


def allow(accepts: Callable[[Any], bool], message: str) -> BeforeValidator:
    """Return a validator that rejects a value with `message` unless `accepts` it."""

    def check(value: object) -> object:
        if not accepts(value):
            raise PydanticCustomError("refused", message)
        return value

    return BeforeValidator(check)


Name = Annotated[str, Field(min_length=1)]
