"""Base models of bodies and answers, and long lists in parts.

A list goes on by an opaque cursor and a Link header (RFC 8288). A cursor says after which entry the
next part begins, so that no entry is shown twice or left out when the list changes in between.

    async def jobs(page: Part): …
        found = …(limit=page.size + 1, before=page.after(0))
        return page.cut(found, lambda job: job.id)
"""

from __future__ import annotations

import base64
import binascii
import json
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
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from merlin.api.auth import Caller
from merlin.api.problems import Problem, headers_of
from merlin.api.services import services_of
from merlin.app.actor import Actor
from merlin.app.context import Context

MOST = 100
USUAL = 50
CURSOR_LENGTH = 512
_NUMBERS = 2**63


E = TypeVar("E")
K = TypeVar("K", int, str)

# A router whose operations bear the names of their functions.
operation_router = partial(APIRouter, generate_unique_id_function=lambda route: route.name)


@dataclass(slots=True)
class Page:
    """Which part of a list is asked for, and the answer that leads to the next one.

    `limit` None: as the route does without one. `following` is the cursor of the next part, once
    that is known.
    """

    request: Request
    response: Response
    limit: int | None
    cursor: str
    following: str = ""

    @property
    def size(self) -> int:
        """Return how many entries are wanted."""
        return self.limit or USUAL

    def after(self, first: K) -> K:
        """Return what the last entry of the part before was sorted by, `first` for the first part.

        Raises Problem 422 for a cursor that is none of ours.
        """
        key = read_cursor(self.cursor, type(first))
        return first if key is None else type(first)(key[0])

    def lead_on(self, following: str) -> None:
        """Let the answer's Link header lead to the next part, "" where there is none."""
        self.following = following
        self.response.headers["Link"] = link_of(self.request, following or None)

    def cut(self, found: Sequence[E], *key: Callable[[E], int | str]) -> Sequence[E]:
        """Return the entries of this part, of one more than it holds; the Link leads to the others.

        They are sorted by `key`.
        """
        shown, has_more = found[: self.size], len(found) > self.size
        self.lead_on(cursor(*(each(shown[-1]) for each in key)) if has_more else "")
        return shown


Limit = Annotated[int | None, Query(ge=1, le=MOST, description="entries in one part")]
After = Annotated[
    str, Query(max_length=CURSOR_LENGTH, description="from the Link header of the part before")
]


# A coroutine: FastAPI would call a plain function in a thread of its own.
async def page_of(
    request: Request, response: Response, limit: Limit = None, cursor: After = ""
) -> Page:
    """Return the part that a request names."""
    return Page(request, response, limit, cursor)


Part = Annotated[Page, Depends(page_of)]


def cursor(*key: int | str) -> str:
    """Return the cursor after the entry that is sorted by `key`."""
    said = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type) -> tuple[int | str, ...] | None:
    """Return the key that `cursor` was given, one value of each kind; None for "".

    Raises Problem 422 for a cursor that is none of ours.
    """
    if not text:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        key = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    is_ours = isinstance(key, list) and [type(value) for value in key] == list(kinds)
    if not is_ours or not all(map(_is_storable, key)):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-cursor")
    return tuple(key)


def _is_storable(value: int | str) -> bool:
    """Return whether a database can be asked for this value."""
    if isinstance(value, int):
        return -_NUMBERS <= value < _NUMBERS
    return "\0" not in value and value.isprintable()


def link_of(request: Request, following: str | None) -> str:
    """Return the Link header of one part.

    The addresses stand below `public_url` where the config names it, else at this host.
    """
    asked = {name: value for name, value in request.query_params.items() if name != "cursor"}
    told = [_link(request, asked, "first")]
    if following is not None:
        told.append(_link(request, {**asked, "cursor": following}, "next"))
    return ", ".join(told)


def _link(request: Request, query: dict[str, str], rel: str) -> str:
    public_url = services_of(request).config.api.public_url
    address = public_url.rstrip("/") + quote(request.scope["path"])
    return f'<{address}{"?" if query else ""}{urlencode(query, errors="replace")}>; rel="{rel}"'


# The largest number that JavaScript can still count with.
MAX_ID = 2**53 - 1
MAX_TITLE_LENGTH = 500
# Neither control characters nor what ends a line: a database or git would stumble over them.
LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*$"
WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]*$"


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# For strict numbers: no text, no true or false; but 3.0 is 3, as JSON Schema has it (2020-12,
# 6.1.1). It stands after the bounds, or the description would not tell them.
WHOLE = BeforeValidator(_whole)
Line = Annotated[str, StringConstraints(pattern=LINE)]
Words = Annotated[str, StringConstraints(pattern=WORDS)]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
Name = Annotated[str, Path(min_length=1, max_length=200, pattern=LINE)]
Hex = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Sought = Annotated[str, Query(max_length=200, pattern=LINE, description="words to find")]
DryRun = Annotated[
    bool, Query(description="true: only tell what would come of it; nothing is asked for")
]
DatasetName = Annotated[
    str, Query(max_length=200, pattern=LINE, description="only of this dataset")
]


class Shape(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(frozen=True, from_attributes=True, validate_by_name=True)

    @classmethod
    def of(cls, found: object, language: str) -> Self:
        """Return what is told in a language of what an act returned."""
        return cls.model_validate(found, context={"language": language})


def _say(say: Callable[[str], str] | str, info: ValidationInfo) -> str:
    return say if isinstance(say, str) else say((info.context or {})["language"])


def shape_response(shape: Shape, language: str, status: HTTPStatus, location: str = "") -> Response:
    """Return an answer in a language; `location` is where to look what came of it."""
    headers = headers_of(language) | ({"Location": location} if location else {})
    return JSONResponse(shape.model_dump(mode="json", by_alias=True), status, headers)


# A method of what is told, which returns a text in the language of `Shape.of`.
InLanguage = Annotated[str, BeforeValidator(_say)]


class Body(BaseModel):
    """What a call brings; nothing is taken that it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Texts(Body):
    """A text by language."""

    ru: Annotated[Words, Field(min_length=1, max_length=5000)] | None = None
    en: Annotated[Words, Field(min_length=1, max_length=5000)] | None = None

    def given(self) -> dict[str, str]:
        """Return the languages that are given."""
        return {name: words for name, words in (("ru", self.ru), ("en", self.en)) if words}


def needs(*names: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object in which these are given, and those are not."""
    values: dict[str, Any] = {name: {"not": {"type": "null"}} for name in names}
    values |= {name: {"type": "null"} for name in without}
    return {"required": list(names), "properties": values}


def _titled(texts: Texts) -> Texts:
    given = texts.given().values()
    if not given or any("\n" in words or len(words) > MAX_TITLE_LENGTH for words in given):
        raise ValueError("a title of one line is wanted")
    return texts


_LINE_OR_NONE = {
    "anyOf": [{"type": "string", "pattern": LINE, "maxLength": MAX_TITLE_LENGTH}, {"type": "null"}]
}
# A text of one line, in one language at least.
Title = Annotated[
    Texts,
    AfterValidator(_titled),
    Field(
        json_schema_extra={
            "anyOf": [needs("ru"), needs("en")],
            "properties": {"ru": _LINE_OR_NONE, "en": _LINE_OR_NONE},
        }
    ),
]


V = TypeVar("V")
# An act that returns entries of one dataset ("": of all that the actor sees), newest `id` first.
Lister = Callable[[Context, Actor, str, int, int], Sequence[V]]


async def part(caller: Caller, page: Page, dataset: str, act: Lister[V]) -> Sequence[V]:
    """Return the part that was asked for, and tell of the next in the Link header.

    Raises NotFound for a dataset that the caller does not see, Problem 422 for a wrong cursor.
    """
    found = await caller.read(act, dataset, page.size + 1, page.after(0))
    return page.cut(found, attrgetter("id"))
