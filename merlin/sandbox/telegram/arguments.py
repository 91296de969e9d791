"""The arguments of one call, from a query, a form, a multipart form or a JSON body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from merlin.sandbox.telegram.errors import BotApiError, bad_request

UPLOAD_BYTES = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """A file sent with a call."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Arguments:
    """Typed reading of what a bot sent; every reader raises Telegram's own 400."""

    values: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)
    # Where the stand-in is, as the bot calls it: what it makes links of.
    address: str = ""

    def text(self, name: str, default: str = "") -> str:
        """Return a text, `default` when it was not sent."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_request(f"{name} must be an Integer") from None

    def flag(self, name: str) -> bool:
        """Return a Boolean; Telegram takes true, yes and 1 in any case."""
        return str(self.values.get(name, "")).lower() in {"true", "yes", "1"}

    def parsed(self, name: str) -> Any:
        """Return an object or list, sent as JSON or as JSON within a form; None when not sent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None

    def upload(self, name: str) -> Upload | None:
        """Return the file sent as `name`, directly or by `attach://`."""
        value = self.values.get(name)
        if isinstance(value, str) and value.startswith("attach://"):
            return self.uploads.get(value.removeprefix("attach://"))
        return self.uploads.get(name)


async def read_arguments(request: Request) -> Arguments:
    """Return the arguments of a call. Raises BotApiError when the body cannot be read."""
    values: dict[str, Any] = dict(parse_qsl(request.scope["query_string"].decode("latin-1")))
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    address = f"http://{request.headers.get('host', '')}/"
    if kind == "multipart/form-data":
        return replace(await _multipart(request, values), address=address)
    body = await request.body()
    if len(body) > UPLOAD_BYTES:
        raise BotApiError(413, "Request Entity Too Large")
    if kind == "application/json" and body:
        values.update(_json_object(body))
    elif body:
        values.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return Arguments(values, address=address)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise bad_request("can't parse request body JSON object")
    return parsed


async def _multipart(request: Request, values: dict[str, Any]) -> Arguments:
    uploads: dict[str, Upload] = {}
    async with request.form(max_part_size=UPLOAD_BYTES) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                content = await value.read(UPLOAD_BYTES + 1)
                mime = value.content_type or "application/octet-stream"
                uploads[name] = Upload(value.filename or name, mime, content)
            else:
                values[name] = value
    if any(len(upload.content) > UPLOAD_BYTES for upload in uploads.values()):
        raise BotApiError(413, "Request Entity Too Large")
    return Arguments(values, uploads)
