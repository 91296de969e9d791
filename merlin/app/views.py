"""What views are made of: names and descriptions of their JSON, plain values.

A view is a frozen dataclass of raw values, without a text of any language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

V = TypeVar("V", bound="DataclassInstance")


def described(text: str) -> Any:
    """Return a field that the description of the api explains."""
    return field(metadata={"description": text})


def named(name: str) -> Any:
    """Return a field that has another name in JSON."""
    return field(metadata={"alias": name})


@dataclass(frozen=True, slots=True)
class Both:
    """A text by language; one that is not given is not there."""

    ru: str | None = None
    en: str | None = None

    def text(self, language: str) -> str:
        """Return the text in a language, else in the other one, "" for none."""
        first, second = (self.ru, self.en) if language == "ru" else (self.en, self.ru)
        return first or second or ""


# The metadata of a field that the api does not tell.
INTERNAL = {"exclude": True}


def finite(value: Any) -> Any:
    """Return plain JSON in which numbers that JSON has no words for are null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(each) for each in value]
    return value


def view_of(kind: type[V], value: object, **more: object) -> V:
    """Return a view whose fields are the value's attributes of the same names, and `more`."""
    names = (each.name for each in fields(kind) if each.name not in more)
    return kind(**{name: getattr(value, name) for name in names}, **more)
