"""Base models of request and response bodies, and pagination.

A list is paginated by a cursor in a Link header (RFC 8288): the key of the last entry shown, so
that no entry is repeated or skipped when the list changes between requests.

    async def jobs(page: Part): …
        found = …(limit=page.size + 1, before=page.after(0))
        return page.take_part(found, lambda job: job.id)
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from operator import attrgetter
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Path, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from merlin.api.auth import Caller
from merlin.api.problems import Problem, problems
from merlin.api.services import services_of
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.formatted_text import is_blank

MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 50
CURSOR_LENGTH = 512
# No control characters or line ends: databases and git do not accept them.
LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*$"
_NUMBER = re.compile("[0-9]{1,16}")
# The largest integer that JavaScript represents exactly.
MAX_ID = 2**53 - 1


E = TypeVar("E")
K = TypeVar("K", int, str)

# A router whose operation ids are the names of its functions.
operation_router = partial(
    APIRouter,
    generate_unique_id_function=lambda route: route.name,
    responses=problems(),
)


@dataclass(slots=True)
class Pagination:
    """The requested part of a list, and the response whose Link header names the next part.

    `limit` None: the default of the route. `following` is the cursor of the next part, once known.
    """

    request: Request
    response: Response
    limit: int | None = None
    cursor: str = ""
    following: str = ""

    @property
    def size(self) -> int:
        """Return the number of entries in a part."""
        return self.limit or DEFAULT_PAGE_SIZE

    def after(self, first: K) -> K:
        """Return the sort key of the previous part's last entry, `first` for the first part.

        Raises Problem 422 for an invalid cursor.
        """
        is_number = isinstance(first, int)
        if is_number and self.cursor and not _NUMBER.fullmatch(self.cursor):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor")
        return type(first)(self.cursor) if self.cursor else first

    def set_next_cursor(self, following: str) -> None:
        """Set the Link header to the next part, "" if there is none."""
        self.following = following
        if following:
            self.response.headers["Link"] = link_of(self.request, following)

    def take_part(
        self, entries: Sequence[E], key: Callable[[E], int | str]
    ) -> Sequence[E]:
        """Return the entries of this part, given one more than it holds; sets the Link header.

        They are sorted by `key`.
        """
        shown_entries = entries[: self.size]
        has_more = len(entries) > self.size
        self.set_next_cursor(str(key(shown_entries[-1])) if has_more else "")
        return shown_entries


Limit = Annotated[
    int | None,
    Query(ge=1, le=MAX_PAGE_SIZE, description="Maximum number of entries per page."),
]
After = Annotated[
    str,
    Query(
        max_length=CURSOR_LENGTH,
        pattern=LINE,
        description="Position of the page, from the `Link` header of the previous page.",
    ),
]


# Async, because FastAPI runs plain functions in a thread.
async def page_of(
    request: Request, response: Response, limit: Limit = None, cursor: After = ""
) -> Pagination:
    """Return the requested part."""
    return Pagination(request, response, limit, cursor)


Part = Annotated[Pagination, Depends(page_of)]


def link_of(request: Request, following: str) -> str:
    """Return the Link header that names the next part.

    URLs are based on `public_url` of the config, else relative to the host.
    """
    query = {**request.query_params, "cursor": following}
    public_url = services_of(request).config.api.public_url
    address = public_url.rstrip("/") + quote(request.scope["path"])
    return f'<{address}?{urlencode(query, errors="replace")}>; rel="next"'


MAX_TITLE_LENGTH = 500
# As LINE, with line ends and tabs.
WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]*$"


def _parse_integer(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# For strict integers: accepts 3.0 as 3, as JSON Schema does (2020-12, 6.1.1), but no strings or
# booleans. Listed after the bounds, or OpenAPI would omit them.
WHOLE = BeforeValidator(_parse_integer)
Line = Annotated[str, StringConstraints(pattern=LINE)]
Words = Annotated[str, StringConstraints(pattern=WORDS)]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Name = Annotated[str, Path(min_length=1, max_length=200, pattern=LINE)]
Hex = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Number = Annotated[int, Field(ge=1, le=MAX_ID)]
CommitId = Annotated[
    str,
    Query(
        pattern="^([0-9a-f]{4,64})?$",
        description="Return only verdicts of the commit with this id or id prefix.",
    ),
]
SearchQuery = Annotated[
    str, Query(max_length=200, pattern=LINE, description="Words to search for.")
]
DatasetName = Annotated[
    str,
    Query(
        max_length=200, pattern=LINE, description="Return only entries of this dataset."
    ),
]


class ResponseModel(BaseModel):
    """Base model of responses."""

    model_config = ConfigDict(frozen=True, from_attributes=True, validate_by_name=True)

    @classmethod
    def from_object(cls, source: object, language: str) -> Self:
        """Return the model of an object, with texts in a language."""
        return cls.model_validate(source, context={"language": language})


def _localize(say: Callable[[str], str] | str, info: ValidationInfo) -> str:
    return say if isinstance(say, str) else say((info.context or {})["language"])


# A method that returns a text in the language of `ResponseModel.from_object`.
InLanguage = Annotated[str, BeforeValidator(_localize)]


class Body(BaseModel):
    """Base model of request bodies; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Texts(Body):
    """A text by language."""

    ru: Annotated[Words, Field(min_length=1, max_length=5000)] | None = None
    en: Annotated[Words, Field(min_length=1, max_length=5000)] | None = None

    def by_language(self) -> dict[str, str]:
        """Return the texts by language, without those of which nothing can be seen."""
        texts = {"ru": self.ru or "", "en": self.en or ""}
        return {
            name: content for name, content in texts.items() if not is_blank(content)
        }


def required_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of an object that requires a field."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _check_title(texts: Texts) -> Texts:
    titles = texts.by_language().values()
    if not titles or any(
        "\n" in title or len(title) > MAX_TITLE_LENGTH for title in titles
    ):
        limit = {"max_length": MAX_TITLE_LENGTH}
        raise PydanticCustomError("title", "a title of one line is required", limit)
    return texts


_LINE_OR_NONE = {
    "anyOf": [
        {"type": "string", "pattern": LINE, "maxLength": MAX_TITLE_LENGTH},
        {"type": "null"},
    ]
}
# A text of one line, in one language at least.
Title = Annotated[
    Texts,
    AfterValidator(_check_title),
    Field(
        json_schema_extra={
            "anyOf": [required_schema("ru"), required_schema("en")],
            "properties": {"ru": _LINE_OR_NONE, "en": _LINE_OR_NONE},
        }
    ),
]


V = TypeVar("V")
# An operation that returns entries of one dataset ("": of all visible ones), newest `id` first.
Lister = Callable[[Context, Actor, str, int, int], Sequence[V]]


async def part(
    caller: Caller, page: Pagination, dataset: str, act: Lister[V]
) -> Sequence[V]:
    """Return the requested part of a list and set the Link header.

    Raises NotFound for a dataset that the caller cannot see, Problem 422 for an invalid cursor.
    """
    entries = await caller.read(
        act, caller.actor, dataset, page.size + 1, page.after(0)
    )
    return page.take_part(entries, attrgetter("id"))
