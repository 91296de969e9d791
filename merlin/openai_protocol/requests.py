"""Requests of the protocol as our servers read them: JSON bodies, pages of lists, metadata filters.

Source: openai/openai-openapi, `openapi.yaml`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request

from merlin.core.json_fields import parse_json
from merlin.core.server import read_chunks
from merlin.openai_protocol.errors import ApiError, bad_field

MAX_JSON_BYTES = 4_000_000
MAX_METADATA = 16
MAX_FILES, MAX_PAGE_SIZE = 10_000, 1000
PAGE_SIZE, CHECKPOINTS_PAGE_SIZE = 20, 10
_MAX_DIGITS = 9
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)


class TextAnswerFields(BaseModel):
    """The fields of a chat request that our servers support only with values of no effect."""

    n: Literal[1] | None = None
    tools: list[Any] | None = Field(default=None, max_length=0)
    tool_choice: Literal["none", "auto"] | None = None
    functions: list[Any] | None = Field(default=None, max_length=0)
    function_call: Literal["none", "auto"] | None = None
    web_search_options: None = None
    logit_bias: dict[str, Any] | None = Field(default=None, max_length=0)
    modalities: list[Literal["text"]] | None = None
    audio: None = None


async def read_body(request: Request, most: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Return a request's JSON object. Raises ApiError 400, or 413 above `most` bytes."""
    content = b"".join([chunk async for chunk in read_chunks(request, most, body_size_error(most))])
    try:
        body = parse_json(content.decode("utf-8-sig"))
    except UnicodeEncodeError as error:
        message = "The body holds half a character, a lone surrogate (\\ud800 to \\udfff)."
        raise ApiError(400, f"{message} Send whole ones.") from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not JSON; send one uncompressed object.") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be one JSON object.")
    return body


def body_size_error(most: int) -> ApiError:
    """Return the error for a body of more than `most` bytes."""
    text = f"The body is larger than {most // 1_000_000} MB, which is the limit."
    return ApiError(413, text, code="request_too_large")


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page of a list; newest first unless `is_oldest_first`."""

    after: str = ""
    limit: int = PAGE_SIZE
    is_oldest_first: bool = False


def parse_page(
    query: Mapping[str, str], default: int = PAGE_SIZE, most: int = MAX_PAGE_SIZE
) -> Page:
    """Parse `after`, `limit` and `order` of a query. Raises ApiError 400 if one is invalid."""
    value = query.get("limit") or str(default)
    is_number = value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    if not (is_number and 1 <= int(value) <= most):
        raise bad_field(
            "limit", f"limit must be a whole number from 1 to {most}, not {value[:20]!r}"
        )
    order = query.get("order") or "desc"
    if order not in {"asc", "desc"}:
        raise bad_field("order", "order must be 'asc' or 'desc'")
    return Page(query.get("after", ""), int(value), order == "asc")


def parse_metadata_filter(query: Mapping[str, str]) -> dict[str, str]:
    """Return the `metadata[key]=value` pairs of a query. Raises ApiError 400 for too many."""
    pairs = {
        match[1]: value for name, value in query.items() if (match := _METADATA.fullmatch(name))
    }
    if len(pairs) > MAX_METADATA:
        raise bad_field("metadata", f"a job has {MAX_METADATA} pairs of metadata at most")
    return pairs
