"""What is wrong with config.yaml by its schema: a text in the person's language, with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator, ValidationError

from merlin.core.errors import ConfigError
from merlin.core.i18n import text

SCHEMA = Path(__file__).parents[1] / "config.schema.yaml"
# A text by its key, as `core.text` fills it into another one; a plain string stays as it is.
Fault = Mapping[str, object] | str
_LIMITS = {
    "minimum": "config-too-little",
    "exclusiveMinimum": "config-not-more",
    "maximum": "config-too-much",
    "minLength": "config-too-short",
    "maxLength": "config-too-long",
    "minItems": "config-too-few",
    "minProperties": "config-too-few",
}


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of config.yaml, descriptions and examples included."""
    loaded: dict[str, Any] = yaml.load(SCHEMA.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded


def judged(path: Path, written: str) -> Mapping[str, Any]:
    """Return what a file says, its shape being right. Raises ConfigError with every fault."""
    try:
        root = yaml.compose(written, Loader=yaml.CSafeLoader)
        said = yaml.load(written, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise wrong([_broken(path, error)]) from error
    found = Draft202012Validator(schema()).iter_errors({} if said is None else said)
    errors = sorted(found, key=lambda each: [str(step) for step in each.path])
    if errors:
        raise wrong([fault for each in errors for fault in _faults(path, root, each)])
    plain: Mapping[str, Any] = said
    return plain


def wrong(faults: Sequence[Fault]) -> ConfigError:
    """Return the error that tells all faults at once."""
    told = text("en", "config-faults", faults=faults)
    return ConfigError(told, "config-faults", faults=faults)


def at(place: str, key: str, **arguments: object) -> Fault:
    """Return what is wrong at a key, which is told by its whole name."""
    what = {"key": key, "arguments": arguments}
    return {"key": "config-fault", "arguments": {"place": place, "name": "none", "what": what}}


def in_file(path: Path, fault: Fault) -> Fault:
    """Return a fault with the file's name before it."""
    told = {"place": str(path), "name": "none", "what": fault}
    return {"key": "config-fault", "arguments": told}


def _broken(path: Path, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    return {"key": "config-no-yaml", "arguments": {"place": place, "reason": reason}}


def _faults(path: Path, root: yaml.Node | None, error: ValidationError) -> Iterator[Fault]:
    """Yield what a fault of the schema says, a fault for each key that nobody knows."""
    steps = [*error.absolute_path]
    if error.validator == "additionalProperties":
        for name, near in _unknown(error):
            told = {"name": name, "near": near}
            yield _fault(path, root, [*steps, name], "config-unknown-key", told)
    elif error.validator == "required":
        wanted: Any = error.validator_value
        # Two missing keys are two errors that each tell of both.
        name = next(each for each in wanted if error.message.startswith(repr(each)))
        yield _fault(path, root, steps, "config-missing-key", {"name": name})
    else:
        yield _fault(path, root, steps, *_said(error))


def _unknown(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield each key that nobody knows, with the one that may be meant, or none."""
    there, judge = cast("Any", error.instance), cast("Any", error.schema)
    known, patterns = judge.get("properties", {}), judge.get("patternProperties", ())
    for name in map(str, there):
        if name not in known and not any(re.search(each, name) for each in patterns):
            yield name, next(iter(get_close_matches(name, known, n=1)), "none")


def _said(error: ValidationError) -> tuple[str, Mapping[str, object]]:
    """Return the text for one word of JSON Schema that was not fulfilled."""
    word, limit, found = str(error.validator), cast("Any", error.validator_value), error.instance
    told = {"found": _shown(found)}
    if word in _LIMITS:
        said: tuple[str, Mapping[str, object]] = (_LIMITS[word], {"limit": str(limit), **told})
    elif word == "type":
        said = ("config-wrong-type", {"expected": _kind(limit), **told})
    elif word == "enum":
        said = ("config-not-one-of", {"allowed": ", ".join(map(str, limit)), **told})
    elif word == "pattern":
        example = cast("Any", error.schema).get("example")
        said = ("config-wrong-form", {"example": str(example), **told})
    else:
        said = ("error-plain", {"message": error.message})
    return said


def _shown(found: object) -> str:
    """Return a value as YAML has it: `no` without quotes is false there, as many learn here."""
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)


def _kind(expected: object) -> Fault:
    if isinstance(expected, list):
        first, second = map(_kind, expected)
        return {"key": "config-kind-either", "arguments": {"first": first, "second": second}}
    return {"key": f"config-kind-{expected}", "arguments": {}}


def _fault(
    path: Path,
    root: yaml.Node | None,
    steps: Sequence[Any],
    key: str,
    arguments: Mapping[str, object],
) -> Fault:
    place = ".".join(map(str, steps))
    what = {"key": key, "arguments": arguments}
    told = {"place": f"{path}:{_line(root, steps)}", "name": place or "none", "what": what}
    return {"key": "config-fault", "arguments": told}


def _line(root: yaml.Node | None, steps: Iterable[Any]) -> int:
    """Return the line of a key, or of the nearest one above it that is written."""
    node, line = root, 1
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            written = {key.value: (key, value) for key, value in node.value}
            if str(step) not in written:
                break
            key, node = written[str(step)]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
