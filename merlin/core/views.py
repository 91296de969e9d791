"""Views, the dataclasses that the API returns: their fields in its schema, and their values.

A view is a frozen dataclass of raw values, without localized texts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

V = TypeVar("V", bound="DataclassInstance")

# Metadata of a field that is excluded from the API.
INTERNAL = {"exclude": True}


def described(text: str, default: Any = MISSING) -> Any:
    """Return a field with its description in the API schema."""
    return field(default=default, metadata={"description": text})


def named(name: str, text: str | None = None, default: Any = MISSING) -> Any:
    """Return a field with another name in JSON, and a description."""
    return field(default=default, metadata={"alias": name, "description": text})


def make_finite(value: Any) -> Any:
    """Return plain JSON values; NaN and infinite numbers become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): make_finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [make_finite(item) for item in value]
    return value


def view_of(kind: type[V], value: object, **more: object) -> V:
    """Return a view whose fields come from `more`, and otherwise from the attributes of `value`.

    A field that is in neither has its default.
    """
    names = (item.name for item in fields(kind) if item.name not in more)
    known = {name: getattr(value, name) for name in names if hasattr(value, name)}
    return kind(**known, **more)
