"""Shapes: what bodies and answers are made of, so that the description of the api is exact."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

# The largest number that JavaScript can still count with.
MOST_ID = 2**53 - 1
MOST_TITLE = 500
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
Id = Annotated[int, Path(ge=1, le=MOST_ID)]
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

    model_config = ConfigDict(frozen=True)


class Body(BaseModel):
    """What a call brings; nothing is taken that it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Both(Shape):
    """A text by language; one that is not given is not there."""

    ru: str | None = None
    en: str | None = None


class Texts(Body):
    """A text by language."""

    ru: Annotated[Words, Field(min_length=1, max_length=5000)] | None = None
    en: Annotated[Words, Field(min_length=1, max_length=5000)] | None = None

    def given(self) -> dict[str, str]:
        """Return the languages that are given."""
        return {name: words for name, words in (("ru", self.ru), ("en", self.en)) if words}


def needs(*names: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of an object in which these are given, and those are not."""
    told: dict[str, Any] = {name: {"not": {"type": "null"}} for name in names}
    told |= {name: {"type": "null"} for name in without}
    return {"required": list(names), "properties": told}


def _titled(texts: Texts) -> Texts:
    given = texts.given().values()
    if not given or any("\n" in words or len(words) > MOST_TITLE for words in given):
        raise ValueError("a title of one line is wanted")
    return texts


_LINE_OR_NONE = {
    "anyOf": [{"type": "string", "pattern": LINE, "maxLength": MOST_TITLE}, {"type": "null"}]
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
