"""Building blocks of views: texts by language, conversion from and to plain values.

A view is a frozen dataclass of raw values, without localized texts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

V = TypeVar("V", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Both:
    """A text by language; null if missing."""

    ru: str | None = None
    en: str | None = None

    def text(self, language: str) -> str:
        """Return the text in a language, else in the other one, "" for none."""
        first, second = (self.ru, self.en) if language == "ru" else (self.en, self.ru)
        return first or second or ""


def finite(value: Any) -> Any:
    """Return plain JSON values; NaN and infinite numbers become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(item) for item in value]
    return value


def view_of(kind: type[V], value: object, **more: object) -> V:
    """Return a view whose fields come from `more`, and otherwise from the attributes of `value`."""
    names = (item.name for item in fields(kind) if item.name not in more)
    return kind(**{name: getattr(value, name) for name in names}, **more)
