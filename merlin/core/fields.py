"""Fields of dataclasses that the API returns: their names and descriptions in its schema."""

from dataclasses import MISSING, field
from typing import Any

# Metadata of a field that is excluded from the API.
INTERNAL = {"exclude": True}


def described(text: str, default: Any = MISSING) -> Any:
    """Return a field with its description in the API schema."""
    return field(default=default, metadata={"description": text})


def named(name: str, text: str | None = None, default: Any = MISSING) -> Any:
    """Return a field with another name in JSON, and a description."""
    return field(default=default, metadata={"alias": name, "description": text})
