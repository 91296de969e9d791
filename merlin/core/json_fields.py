"""JSON that others wrote: missing fields and those of another type are empty."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from merlin.core.formatted_text import join_surrogates


def parse_json(content: str) -> object:
    """Parse JSON. Raises ValueError or RecursionError if it is invalid.

    Raises UnicodeEncodeError for an unpaired surrogate: valid in JSON escapes, but not encodable.
    """
    value = json.loads(content)
    # Only an escape can produce an unpaired surrogate.
    if "\\u" in content:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def parse_object(content: str | bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises ValueError if it is anything else, or nested too deeply."""
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for what cannot be read
    return value


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, empty if the file is missing or contains anything else."""
    try:
        return parse_object(path.read_bytes())
    except (OSError, ValueError):
        return {}


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


def is_telegram_id(value: object) -> TypeGuard[int]:
    """Return whether a value is the id of a person in Telegram, at most 52 significant bits."""
    return type(value) is int and 0 < value < 2**52


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a number that a float can hold: no infinity, no NaN."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max
