"""What is wrong with config.yaml: a text in the person's language, with its line."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from merlin.core.errors import ConfigError
from merlin.core.i18n import cut, text
from merlin.core.yaml_error import describe_yaml_error

# A text by its key, as `core.text` fills it into another one.
Fault = Mapping[str, object]
# By pydantic's name of an error: its text, the kind that it wants; and its names of limits.
_KEYS = {
    "greater_than_equal": "config-too-little",
    "greater_than": "config-not-more",
    "less_than_equal": "config-too-much",
    "string_too_short": "config-too-short",
    "string_too_long": "config-too-long",
    "too_short": "config-too-few",
    "literal_error": "config-not-one-of",
    "string_pattern_mismatch": "config-wrong-form",
}
_LIMITS = {"ge", "gt", "le", "min_length", "max_length"}
_KINDS = {
    "string_type": "string",
    "path_type": "string",
    "is_instance_of": "string",
    "date_type": "string",
    "int_type": "integer",
    "float_type": "number",
    "finite_number": "number",
    "bool_type": "boolean",
    "tuple_type": "array",
    "mapping_type": "object",
    "dict_type": "object",
    "model_type": "object",
}
_KEYS |= dict.fromkeys(_KINDS, "config-wrong-type")
# Keys of features that are gone, and what to do instead; `*` stands for an entry's own name.
REMOVED = {
    "api.hooks": "config-removed-hooks",
    "chat.limits": "config-removed-limits",
    "engine.answering.at_once": "config-removed-at-once",
    "engine.models.*.backend": "config-removed-backend",
    "engine.models.*.credential": "config-removed-backend",
    "chat.presets": "config-removed-presets",
    "chat.voice_s": "config-removed-constant",
    "daemon.tick_s": "config-removed-constant",
    "engine.credential": "config-removed-credential",
    "engine.models.*.licence": "config-removed-licence",
    "engine.models.*.price": "config-removed-own-price",
    "engine.models.*.sunset": "config-removed-own-price",
    "engine.models.*.embeddings": "config-removed-embeddings",
    "engine.models.*.url": "config-removed-backend",
    "api.limits.connections_per_address": "config-removed-connections",
    "budget.answers.per_person_per_day": "config-removed-person-cap",
    "api.openid": "config-removed-openid",
    "engine.hearing": "config-removed-hearing",
    "engine.training.cluster": "config-removed-cluster",
    "engine.training.quota_gb": "config-removed-quota",
    "engine.training.workers": "config-removed-cluster",
    "engine.webhooks": "config-removed-webhooks",
    "payments.invitation": "config-removed-invitation",
    "payments.order_hours": "config-removed-constant",
    "payments.yookassa.networks": "config-removed-constant",
    "payments.yookassa.receipt.mode": "config-removed-constant",
    "payments.yookassa.receipt.subject": "config-removed-constant",
    "payments.yookassa.receipt.tax_system": "config-removed-constant",
    "payments.yookassa.save_methods": "config-removed-renewal",
    "payments.yookassa.secret_key": "config-removed-credential",
    "payments.yookassa.shop_id": "config-removed-credential",
    "plans.*.renewed": "config-removed-renewal",
    "plans.*.sessions": "config-removed-plan-room",
    "plans.*.trial_days": "config-removed-trial",
    "plans.*.window": "config-removed-plan-room",
    "providers.*.folder": "config-removed-form",
    "providers.*.form": "config-removed-form",
    "providers.*.poll_s": "config-removed-constant",
    "repository.statuses.credential": "config-removed-credential",
    "telegram.limits": "config-removed-constant",
    "security": "config-removed-security",
    "tracing": "config-removed-tracing",
}
_cut = partial(cut, max_length=200)
_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
# A default that another key gives, which is wrong itself.
_FOLLOWS = "default_factory_not_called"


def list_schema_faults(
    path: Path, root: yaml.Node | None, error: ValidationError, schema: Mapping[str, Any]
) -> list[Fault]:
    """Return what is wrong with values, by their lines."""
    found = [each for each in error.errors(include_url=False) if each["type"] != _FOLLOWS]
    faults = []
    for each in found:
        steps = [*each["loc"]]
        key, arguments = _message(each, steps, schema)
        faults.append((_line(root, steps), ".".join(map(str, steps)), key, arguments))
    return [
        _fault(f"{path}:{line}", _cut(name) or "none", {"key": key, "arguments": arguments})
        for line, name, key, arguments in sorted(faults, key=lambda each: each[:2])
    ]


def list_repeated_keys(path: Path, root: yaml.Node | None) -> list[Fault]:
    """Return the keys that occur twice; makes every key text: a plan may be called `no`."""
    left, seen = [root] if root is not None else [], set[int]()
    twice: dict[tuple[int, str], int] = {}
    while left:
        node = left.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            first_lines: dict[str, int] = {}
            for key, value in node.value:
                line, name = key.start_mark.line + 1, str(key.value)
                if name in first_lines:
                    twice[line, name] = first_lines[name]
                first_lines.setdefault(name, line)
                if key.tag != _MERGE:
                    key.tag = _TEXT
                left.append(value)
    return [
        fault_at(f"{path}:{line}", "finding-duplicate-key", name=_cut(name), first=first)
        for (line, name), first in sorted(twice.items())
    ]


class ContentConstructor(yaml.constructor.SafeConstructor):
    """Constructs the content of a file; raises ConfigError for a value that YAML cannot convert."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - the shape of PyYAML's
        """Return the content of a node."""
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:  # a day that does not exist, thousands of digits
            mark = node.start_mark
            place = f"{self._path}:{mark.line + 1}:{mark.column + 1}"
            raise config_error(
                [fault_at(place, "config-no-value", value=_cut(node.value))]
            ) from error


def config_error(faults: Sequence[Fault]) -> ConfigError:
    """Return the error that tells all faults at once."""
    message = text("en", "config-faults", faults=faults)
    return ConfigError(message, "config-faults", faults=faults)


def fault_at(place: str, key: str, **arguments: object) -> Fault:
    """Return what is wrong at a key, with its full name, or at a line of the file."""
    return _fault(place, "none", {"key": key, "arguments": arguments})


def fault_in_file(path: Path, fault: Fault) -> Fault:
    """Return a fault with the file's name before it."""
    return _fault(str(path), "none", fault)


def describe_syntax_fault(path: Path, content: str, error: yaml.YAMLError) -> Fault:
    """Return why a file is no YAML, and where."""
    line, column, problem, words = describe_yaml_error(error, content)
    place = f"{path}:{line}:{column}"
    return fault_at(place, "finding-yaml-syntax", problem=problem, words=_cut(words))


def _message(
    error: Mapping[str, Any], steps: list[Any], schema: Mapping[str, Any]
) -> tuple[str, Mapping[str, object]]:
    """Return the text for one error; `steps` are cut to the key that the text is about."""
    kind, limits = error["type"], error.get("ctx", {})
    is_name = steps[-1:] == ["[key]"]
    if is_name:
        del steps[-1]
    if kind == "extra_forbidden" or (is_name and kind == "literal_error"):
        return _describe_unknown_key(steps, schema)
    name = str(steps.pop()) if is_name or kind == "missing" else ""
    if kind == "missing":
        return "config-missing-key", {"name": name}
    node = _node(schema, steps)
    values: dict[str, object] = {"found": _as_yaml(limits.get("found", error["input"]))}
    key = kind if kind.startswith("config-") else _KEYS.get(kind, "error-plain")
    for name in limits.keys() & _LIMITS:
        values["limit"] = str(limits[name])
    if kind in _KINDS:
        values["expected"] = _expected_fault([_KINDS[kind]])
    elif kind == "literal_error":
        values["allowed"] = ", ".join(map(str, node["enum"]))
    elif kind == "string_pattern_mismatch":
        judge = node["propertyNames"] if is_name else node
        values["example"] = str(judge["examples"][0])
    elif "expected" in limits:
        values["expected"] = _expected_fault(limits["expected"])
    elif key == "error-plain":
        values["message"] = str(limits.get("error", error["msg"]))
    return key, {**limits, **values}


def _describe_unknown_key(
    steps: Sequence[Any], schema: Mapping[str, Any]
) -> tuple[str, Mapping[str, object]]:
    path = ".".join(map(str, steps))
    for pattern, instead in REMOVED.items():
        if fnmatchcase(path, pattern):
            return instead, {}
    known = _node(schema, steps[:-1]).get("properties", ())
    name = _cut(str(steps[-1]))
    near = get_close_matches(name, known, n=1, cutoff=0.7) or known
    return "config-unknown-key", {"name": name, "near": ", ".join(near) or "none"}


def _node(schema: Mapping[str, Any], steps: Sequence[Any]) -> Mapping[str, Any]:
    """Return what the schema says of a key."""
    node = schema
    for step in steps:
        inner = node["items"] if isinstance(step, int) else node.get("properties", {}).get(step)
        node = resolve(schema, inner or entry_of(node))
    return node


def entry_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the schema says of each entry of a table, nothing where it is none."""
    entry = next(iter(node.get("patternProperties", {}).values()), None)
    entry = entry or node.get("additionalProperties")
    return entry if isinstance(entry, Mapping) else {}


def entry_name(entry: Mapping[str, Any]) -> str:
    """Return what a path has in the place of an entry's own name: <plan>, <preset> or <model>."""
    title = str(entry.get("title", "")).lower()
    return f"<{title if title in ('plan', 'preset') else 'model'}>"


def resolve(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the description of a key, even if it is elsewhere in the schema."""
    reference = node.get("$ref")
    if reference is None:
        return node
    return {**schema["$defs"][reference.rsplit("/", 1)[-1]], **node}


def _as_yaml(found: object) -> str:
    """Return a value as YAML has it: `no` without quotes is false there, as many learn here."""
    if isinstance(found, str):
        return _cut(found)
    return _cut(json.dumps(found, ensure_ascii=False, default=str))


def _expected_fault(kinds: Sequence[str]) -> Fault:
    faults: list[Fault] = [{"key": f"config-kind-{kind}", "arguments": {}} for kind in kinds]
    if len(faults) == 1:
        return faults[0]
    return {"key": "config-kind-either", "arguments": {"first": faults[0], "second": faults[1]}}


def _fault(place: str, name: str, what: Fault) -> Fault:
    return {"key": "config-fault", "arguments": {"place": place, "name": name, "what": what}}


def _line(root: yaml.Node | None, steps: Sequence[Any]) -> int:
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
