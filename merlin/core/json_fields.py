"""Fields of JSON objects that others wrote: missing ones and ones of another type are empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merlin.core.formatted_text import join_surrogates


def get_object(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a nested object, empty if it is missing."""
    value = values.get(name)
    return value if isinstance(value, Mapping) else {}


def get_list(values: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list, empty if it is missing."""
    value = values.get(name)
    return value if isinstance(value, list) else []


def get_text(values: Mapping[str, Any], name: str) -> str:
    """Return a text, "" if it is missing."""
    value = values.get(name)
    return join_surrogates(value) if isinstance(value, str) else ""


def get_integer(values: Mapping[str, Any], name: str) -> int:
    """Return a whole number, 0 if it is missing."""
    value = values.get(name)
    return value if isinstance(value, int) else 0
