"""What views are made of: names and descriptions of their JSON, plain values.

A view is a frozen dataclass of raw values, without a text of any language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any


def described(words: str) -> Any:
    """Return a field that the description of the api explains."""
    return field(metadata={"description": words})


def named(name: str) -> Any:
    """Return a field that has another name in JSON."""
    return field(metadata={"alias": name})


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
