"""Requests of the protocol as our servers read them: JSON bodies, pages of lists, metadata filters.

Source: openai/openai-openapi, `openapi.yaml`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WrapValidator,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from starlette.requests import Request
from typing_extensions import TypedDict

from merlin.core.json_fields import parse_json
from merlin.core.messages import join_texts
from merlin.core.server import read_chunks
from merlin.openai_protocol.errors import ApiError, bad_field, format_path

MAX_JSON_BYTES = 4_000_000
MAX_METADATA = 16
PAGE_SIZE = 20
MAX_PAGE_SIZE = 1000
_MAX_DIGITS = 9
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)


class Fields(BaseModel):
    """Fields with strict types; unknown ones, of newer protocol versions, are ignored."""

    model_config = ConfigDict(frozen=True, strict=True)


class TextPart(TypedDict):
    """A text part of a message."""

    type: Literal["text"]
    text: str


class ChatMessage(Fields):
    """One message of a conversation; null as the content of an assistant's is an empty text."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = Field(default=None, validate_default=True)

    @field_validator("content", mode="before")
    @classmethod
    def _join_parts(cls, content: object, info: ValidationInfo) -> str:
        if content is None and info.data.get("role") == "assistant":
            return ""
        joined = join_texts(content) if isinstance(content, list) else content
        if not isinstance(joined, str):
            raise PydanticCustomError(
                "content",
                "must be a text or a list of parts of type 'text'; this model reads no others",
            )
        return joined

    @property
    def text(self) -> str:
        """Return the content as one text."""
        return str(self.content)


class StreamOptions(Fields):
    """Options of a stream."""

    include_usage: bool = False


MAX_STOPS = 4
MAX_STOP_LENGTH = 500
MAX_TOKENS = 1_000_000
_Limit = Annotated[int | None, Field(default=None, ge=1, le=MAX_TOKENS)]
_Penalty = Annotated[
    float | None, Field(default=None, ge=-2, le=2, allow_inf_nan=False)
]
_Stop = Annotated[str, Field(max_length=MAX_STOP_LENGTH)]
_Stops = Annotated[list[_Stop], Field(max_length=MAX_STOPS)]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value or []


class AskedModel(Fields):
    """The model that is asked, in both forms of a question, and how it answers."""

    model: str = Field(min_length=1)
    stream: bool | None = None
    temperature: float | None = Field(default=None, ge=0, le=2, allow_inf_nan=False)
    top_p: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)


def _check_type(value: object, validate: Callable[[object], object]) -> object:
    """Refuse what only equals the literal: pydantic takes False and 0.0 for 0."""
    literal = validate(value)
    if type(literal) is not type(value):
        raise PydanticCustomError("literal_error", "Input should be of another type")
    return literal


Off = Annotated[Literal[False], WrapValidator(_check_type)]
_Zero = Annotated[Literal[0], WrapValidator(_check_type)]
_One = Annotated[Literal[1], WrapValidator(_check_type)]


class UnsupportedTools(Fields):
    """The fields of both forms that our servers support only with values of no effect."""

    tools: list[Any] | None = Field(default=None, max_length=0)
    tool_choice: Literal["none", "auto"] | None = None
    top_logprobs: _Zero | None = None


class UnsupportedFields(UnsupportedTools):
    """The fields of a chat request that our servers support only with values of no effect."""

    n: _One | None = None
    functions: list[Any] | None = Field(default=None, max_length=0)
    function_call: Literal["none", "auto"] | None = None
    web_search_options: None = None
    logit_bias: dict[str, Any] | None = Field(default=None, max_length=0)
    logprobs: Off | None = None
    modalities: list[Literal["text"]] | None = None
    audio: None = None


class ChatRequest(AskedModel, UnsupportedFields):
    """A question with the preceding conversation, as our servers read it."""

    messages: list[ChatMessage] = Field(min_length=1)
    stream_options: StreamOptions | None = None
    presence_penalty: _Penalty
    frequency_penalty: _Penalty
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    max_tokens: _Limit
    max_completion_tokens: _Limit
    stop: Annotated[
        _Stops, BeforeValidator(_as_list, json_schema_input_type=_Stop | _Stops | None)
    ] = Field(default_factory=list)
    response_format: dict[str, Any] | None = None

    @property
    def wants_usage(self) -> bool:
        """Return whether a stream ends with its token usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def most_tokens(self) -> int | None:
        """Return the limit of the answer; `max_completion_tokens` overrides `max_tokens`."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        """Return the texts that end the answer."""
        return [stop for stop in self.stop if stop]


def invalid_field(error: ErrorDetails) -> str:
    """Return the field of a validation error in the protocol's notation, "" for the whole body.

    An item of a plain list is named by the list.
    """
    path = error["loc"]
    if path and path[-1] == "[key]":
        path = path[:-2]
    elif path and isinstance(path[-1], int) and error["type"] != "model_type":
        path = path[:-1]
    return format_path(path)


async def read_body(request: Request, most: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Return a request's JSON object. Raises ApiError 400, or 413 above `most` bytes."""
    content = b"".join(
        [chunk async for chunk in read_chunks(request, most, body_size_error(most))]
    )
    refusal = ApiError(
        400, "The body must be one JSON object, not compressed, of whole characters."
    )
    try:
        body = parse_json(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise refusal from error
    if not isinstance(body, dict):
        raise refusal
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


def parse_page(query: Mapping[str, str]) -> Page:
    """Parse `after`, `limit` and `order` of a query. Raises ApiError 400 if one is invalid."""
    value = query.get("limit") or str(PAGE_SIZE)
    is_number = value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
    if not (is_number and 1 <= int(value) <= MAX_PAGE_SIZE):
        raise bad_field(
            "limit", f"limit must be a whole number from 1 to {MAX_PAGE_SIZE}"
        )
    order = query.get("order") or "desc"
    if order not in {"asc", "desc"}:
        raise bad_field("order", "order must be 'asc' or 'desc'")
    return Page(query.get("after", ""), int(value), order == "asc")


def parse_metadata_filter(query: Mapping[str, str]) -> dict[str, str]:
    """Return the `metadata[key]=value` pairs of a query. Raises ApiError 400 for too many."""
    pairs = {
        match[1]: value
        for name, value in query.items()
        if (match := _METADATA.fullmatch(name))
    }
    if len(pairs) > MAX_METADATA:
        raise bad_field(
            "metadata", f"a job has {MAX_METADATA} pairs of metadata at most"
        )
    return pairs
