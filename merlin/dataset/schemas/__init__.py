"""The JSON Schemas (draft 2020-12) of the three files an editor writes, and their validators.

A validator is made once and kept: making one per file costs thirty times the validation.
Where a pattern must reach the end it says so by a look-ahead at "no further letter", because
Python's `$` also matches before a final line end.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

NAMES = ("example", "dataset", "course")


def schema_text(name: str) -> str:
    """Return the schema `name` as the package ships it. Raises KeyError for another name."""
    if name not in NAMES:
        raise KeyError(name)
    return (Path(__file__).parent / f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema `name` as JSON; it is shared, so nobody changes it."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the one validator of schema `name`."""
    return Draft202012Validator(schema(name))
