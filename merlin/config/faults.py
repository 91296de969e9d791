"""What is wrong with config.yaml: a text in the person's language, with its line and column."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from merlin.core.errors import ConfigError
from merlin.core.i18n import cut, text
from merlin.core.log import redact
from merlin.core.names import find_nearest
from merlin.core.yaml_error import describe_yaml_error, json_type

# A text by its key, as `core.text` fills it into another one.
Fault = Mapping[str, object]
Json = Mapping[str, Any]
_cut = partial(cut, max_length=200)
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_DATE = "tag:yaml.org,2002:timestamp"
# Deeper than any file that people write; libyaml's composer overflows the stack at some thousands.
_MAX_DEPTH = 100
# A default that another key gives, which is wrong itself.
_FOLLOWS = "default_factory_not_called"
# The JSON type that an error of pydantic's misses.
_EXPECTED = {
    "string_type": "string",
    "is_instance_of": "string",  # a path
    "date_type": "string",
    "int_type": "integer",
    "float_type": "number",
    "bool_type": "boolean",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
}
_FORMS = (
    "config-wrong-form",
    "string_pattern_mismatch",
    "string_too_short",
    "finite_number",
)
# The text about a bound, and what pydantic calls the bound.
_BOUNDS = {
    "greater_than": ("finding-too-small", "gt"),
    "greater_than_equal": ("finding-too-small", "ge"),
    "less_than_equal": ("finding-too-big", "le"),
    "string_too_long": ("finding-too-long", "max_length"),
    "too_short": ("finding-too-few-items", "min_length"),
}


class Wrong(NamedTuple):
    """What is wrong at a key: the way to it, and a text with its arguments."""

    steps: tuple[str | int, ...]
    key: str
    arguments: Mapping[str, object]


def wrong_at(*steps: str | int, key: str, **arguments: object) -> Wrong:
    """Return what is wrong at the key with this way to it."""
    return Wrong(steps, key, arguments)


def list_schema_faults(error: ValidationError, schema: Json) -> list[Wrong]:
    """Return what is wrong with values; `schema` is that of the file, which says what is right."""
    errors = [
        each for each in error.errors(include_url=False) if each["type"] != _FOLLOWS
    ]
    found = [_describe(each, schema) for each in errors]
    # A misspelt key is told as such, not as a missing one too.
    meant = {(*each.steps[:-1], each.arguments.get("near")) for each in found}
    return [
        each
        for each in found
        if each.key != "config-missing-key"
        or (*each.steps, each.arguments["name"]) not in meant
    ]


def list_repeated_keys(path: Path, node: yaml.Node | None) -> Iterator[Fault]:
    """Yield the keys that occur twice.

    Makes text of every key (a plan may be called `no`) and every date (`Day` reads it).
    """
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from list_repeated_keys(path, each)
    elif isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value)
            if first := first_lines.get(name):
                place = _place(path, key.start_mark)
                yield fault_at(
                    place, "finding-duplicate-key", name=_cut(name), first=first
                )
            first_lines.setdefault(name, key.start_mark.line + 1)
            if key.tag != _MERGE:
                key.tag = _TEXT
            yield from list_repeated_keys(path, value)
    elif node is not None and node.tag == _DATE:
        node.tag = _TEXT


def check_nesting(path: Path, content: str) -> None:
    """Raise ConfigError for an anchor that contains itself, and for brackets without an end.

    libyaml's events come without recursion, unlike its nodes.
    """
    around: list[str | None] = []
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            around.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            around.pop()
        elif isinstance(event, yaml.AliasEvent) and event.anchor in around:
            place = _place(path, event.start_mark)
            raise config_error(
                [fault_at(place, "config-own-anchor", name=_cut(str(event.anchor)))]
            )
        if len(around) > _MAX_DEPTH:
            place = _place(path, event.start_mark)
            raise config_error([fault_at(place, "finding-too-deep", limit=_MAX_DEPTH)])


def config_error(faults: Sequence[Fault]) -> ConfigError:
    """Return the error that tells all faults at once."""
    message = text("en", "config-faults", faults=faults)
    return ConfigError(message, "config-faults", faults=faults)


def fault_at(place: str, key: str, **arguments: object) -> Fault:
    """Return what is wrong at a line of the file."""
    return _fault(place, "none", {"key": key, "arguments": arguments})


def locate(path: Path, root: yaml.Node | None, found: Sequence[Wrong]) -> list[Fault]:
    """Return what is wrong with its places in the file, in their order."""
    located = [(_mark(root, each.steps), each) for each in found]
    return [
        _fault(
            f"{path}:{line}:{column}",
            _cut(".".join(map(str, each.steps))) or "none",
            {"key": each.key, "arguments": each.arguments},
        )
        for (line, column), each in sorted(located, key=lambda each: each[0])
    ]


def describe_syntax_fault(path: Path, content: str, error: yaml.YAMLError) -> Fault:
    """Return why a file is no YAML, and where."""
    line, column, problem = describe_yaml_error(error, content)
    return fault_at(f"{path}:{line}:{column}", "finding-yaml-syntax", problem=problem)


def _describe(error: Json, schema: Json) -> Wrong:
    """Return the text for one error, ours or pydantic's."""
    is_name = error["loc"][-1:] == ("[key]",)
    steps = error["loc"][:-1] if is_name else error["loc"]
    branch = [*_branch(schema, steps)]
    if error["type"] == "missing":
        return wrong_at(*steps[:-1], key="config-missing-key", name=str(steps[-1]))
    if error["type"] == "extra_forbidden":
        near = find_nearest(str(steps[-1]), branch[-2].get("properties", {}))
        return wrong_at(*steps, key="config-unknown-key", near=near or "none")
    names = [each["propertyNames"] for each in branch if "propertyNames" in each]
    described = reversed(names if is_name else branch)
    example = next(
        (each["examples"][0] for each in described if "examples" in each), ""
    )
    return Wrong(steps, *_describe_value(error, example))


def _describe_value(error: Json, example: object) -> tuple[str, Mapping[str, object]]:
    kind = error["type"]
    context = error.get("ctx", {})
    value = error["input"]
    if kind in ("int_type", "float_type") and (written := _write_number(value)):
        named = {"found": _as_text(value), "written": written}
        return "config-number-as-text", named
    if kind in _EXPECTED:
        types = {"expected": _EXPECTED[kind], "found": json_type(value)}
        return "finding-wrong-type", types
    if kind in _BOUNDS:
        key, bound = _BOUNDS[kind]
        name = str(error["loc"][-1])
        return key, {
            "limit": str(context[bound]),
            "found": _as_text(value),
            "name": name,
        }
    if kind == "literal_error":
        allowed = context["expected"].replace("'", "").replace(" or ", ", ")
        return "finding-not-one-of", {"allowed": allowed, "found": _as_text(value)}
    if kind in _FORMS:
        return "config-wrong-form", {
            "found": _as_text(value),
            "example": _as_text(example),
        }
    return kind, {name: _cut(redact(str(shown))) for name, shown in context.items()}


def _write_number(value: object) -> str:
    """Return a number that YAML takes for a text, such as 1e3, as YAML writes it; "" for none."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    return str(int(number)) if number.is_integer() else f"{number:f}"


def _as_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        value = json.dumps(value, ensure_ascii=False, default=str)
    return _cut(redact(value))


def _branch(schema: Json, steps: Sequence[str | int]) -> Iterator[Json]:
    """Yield the schemas on the way to a key, as far as it is known."""
    node = schema
    for step in steps:
        node = _resolve(schema, node)
        yield node
        tables = [
            *node.get("patternProperties", {}).values(),
            node.get("additionalProperties"),
        ]
        inner = [node.get("properties", {}).get(step), node.get("items"), *tables]
        node = next((each for each in inner if each), {})
    yield _resolve(schema, node)


def _resolve(schema: Json, node: Json) -> Json:
    # Of a value in two forms, such as a limit a day, the group of keys.
    node = {**node, **node.get("anyOf", [{}])[-1]}
    name = node.get("$ref", "").rpartition("/")[2]
    return {**schema["$defs"][name], **node} if name else node


def _fault(place: str, name: str, what: Fault) -> Fault:
    return {
        "key": "config-fault",
        "arguments": {"place": place, "name": name, "what": what},
    }


def _place(path: Path, mark: Any) -> str:
    return f"{path}:{mark.line + 1}:{mark.column + 1}"


def _mark(root: yaml.Node | None, steps: Sequence[Any]) -> tuple[int, int]:
    """Return line and column of a key, or of the nearest one above it that is written."""
    node = root
    marked = None
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            written = {key.value: (key, value) for key, value in node.value}
            if str(step) not in written:
                break
            marked, node = written[str(step)]
        elif isinstance(node, yaml.SequenceNode):
            node = marked = node.value[step]
    return (
        (marked.start_mark.line + 1, marked.start_mark.column + 1) if marked else (1, 1)
    )
