"""Building blocks of views: conversion from and to plain values.

A view is a frozen dataclass of raw values, without localized texts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

V = TypeVar("V", bound="DataclassInstance")


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
