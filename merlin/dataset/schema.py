"""Validation by JSON Schema (draft 2020-12), with line and column.

A validator is made once and kept: making one per file costs thirty times the validation. Where a
pattern must reach the end it says so by a look-ahead at "no further letter", because Python's `$`
also matches before a final line end.

The YAML reader leaves every scalar a string. A scalar written without quotes becomes a number,
true or false where the schema has room for one (`test: 0.2`, `strict: false`, a tool's
parameters), and stays a string where the schema wants words: the answer `no` remains "no". Only
JSON's own spellings count; `null` becomes None in free JSON alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merlin.dataset.finding import Finding, shorten
from merlin.dataset.yaml_reader import Node

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

NAMES = ("example", "dataset", "course")


def schema_text(name: str) -> str:
    """Return the schema `name` as the package ships it. Raises KeyError for another name."""
    if name not in NAMES:
        raise KeyError(name)
    return (Path(__file__).parent / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema `name` as JSON; it is shared, so nobody changes it."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the one validator of schema `name`."""
    # A bot that no editor writes to does without its 7 MB.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(schema(name))


Step = str | int
MAX_FINDINGS = 20

# At most 15 digits: what every reader of JSON keeps exactly.
_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?")
_APPLICATORS = ("then", "else")
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")


def validate_file(name: str, node: Node) -> tuple[Any, tuple[Finding, ...]]:
    """Return the file as JSON and what the schema `name` (example, dataset, course) finds wrong.

    With findings the JSON is not to be used. At most `MAX_FINDINGS` are told of one file.
    """
    value = _json(name, node, ())
    errors = islice(validator(name).iter_errors(value), MAX_FINDINGS)
    findings: list[Finding] = []
    for error in errors:
        # Two missing keys are two errors that each tell of both.
        findings += (each for each in _findings(error, node) if each not in findings)
    findings.sort(key=lambda each: (each.line, each.column))
    return value, tuple(findings[:MAX_FINDINGS])


def _json(name: str, node: Node, path: tuple[Step, ...]) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: _json(name, child, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [_json(name, child, (*path, place)) for place, child in enumerate(value)]
    if not (node.plain and _LITERAL.fullmatch(value)):
        return value
    literal = json.loads(value)
    return literal if _has_room(name, path, literal) else value


def _has_room(name: str, path: Sequence[Step], literal: object) -> bool:
    """Return whether the schema takes a value of the literal's type at `path`."""
    root = schema(name)
    places = list(_flat(root, root))
    for step in path:
        places = [flat for place in places for flat in _flat(_child(place, step), root)]
    if not places:
        return True
    accepted = {word for place in places for word in _types(place)}
    return not accepted or bool(accepted & _words_for(literal))


def _flat(place: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the schema and all that it joins or offers in its own place."""
    if not isinstance(place, dict):
        return
    yield place
    if "$ref" in place:
        yield from _flat(root["$defs"][place["$ref"].rpartition("/")[2]], root)
    for word in _APPLICATORS:
        yield from _flat(place.get(word), root)
    for word in _ALTERNATIVES:
        for offered in place.get(word, ()):
            yield from _flat(offered, root)


def _child(place: dict[str, Any], step: Step) -> Any:
    if isinstance(step, int):
        return place.get("items")
    return place.get("properties", {}).get(step, place.get("additionalProperties"))


def _types(place: dict[str, Any]) -> list[str]:
    words = place.get("type", [])
    if "enum" in place or "const" in place:
        offered = place.get("enum", [place.get("const")])
        return ["string" if isinstance(each, str) else "integer" for each in offered]
    return [words] if isinstance(words, str) else list(words)


def _words_for(literal: object) -> set[str]:
    if isinstance(literal, bool):
        return {"boolean"}
    if literal is None:
        return {"null"}
    return {"number"} if isinstance(literal, float) else {"integer", "number"}


def _findings(error: ValidationError, root: Node) -> Iterator[Finding]:
    node = _descend(root, error.absolute_path)
    there: Any = error.schema
    wanted: Any = error.validator_value
    word = str(error.validator)
    if word == "additionalProperties":
        for key, child in _keys(node).items():
            if key not in there.get("properties", {}):
                yield Finding("", *child.key, "unknown-key", arguments={"name": shorten(key)})
    elif word == "required":
        for key in wanted:
            if key not in _keys(node):
                yield _finding(node, "missing-key", name=key)
    else:
        rule, arguments = _rule_for(word, wanted, error.instance)
        yield _finding(node, rule, **arguments)


def _rule_for(word: str, wanted: Any, found: object) -> tuple[str, dict[str, str | int]]:
    """Return our rule and its arguments for one word of JSON Schema that was not fulfilled."""
    if word == "anyOf":
        keys = [key for offered in wanted for key in offered.get("required", ())]
        return "missing-one-of", {"keys": ", ".join(keys)}
    if word == "maxProperties" and wanted == 1:  # a forgotten dash joins two messages
        return "two-in-one", {}
    if word == "type":
        return "wrong-type", {"expected": wanted if isinstance(wanted, str) else wanted[0]}
    if word in ("enum", "const"):
        offered = wanted if word == "enum" else [wanted]
        return "not-one-of", {"allowed": ", ".join(map(str, offered)), "found": _as_text(found)}
    return _BOUNDS.get(word, "wrong-value"), {"limit": str(wanted), "found": _as_text(found)}


def _as_text(found: object) -> str:
    return shorten(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))


def _keys(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _descend(root: Node, path: Iterable[Step]) -> Node:
    node = root
    for step in path:
        inside: Any = node.value
        node = inside[step]
    return node


def _finding(node: Node, rule: str, **arguments: str | int) -> Finding:
    return Finding("", node.line, node.column, rule, arguments=arguments)


_BOUNDS = {
    "minimum": "too-small",
    "exclusiveMinimum": "too-small",
    "maximum": "too-big",
    "minLength": "too-short",
    "maxLength": "too-long",
    "minItems": "too-few-items",
    "maxItems": "too-many-items",
    "minProperties": "too-few-items",
    "maxProperties": "too-many-items",
    "uniqueItems": "same-items",
    "pattern": "wrong-form",
}
