"""What is wrong with config.yaml: a text in the person's language, with its line."""

from collections.abc import Iterator, Mapping, Sequence
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
_cut = partial(cut, max_length=200)
_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
_DATE = "tag:yaml.org,2002:timestamp"
# A default that another key gives, which is wrong itself.
_FOLLOWS = "default_factory_not_called"


def list_schema_faults(path: Path, root: yaml.Node | None, error: ValidationError) -> list[Fault]:
    """Return what is wrong with values, by their lines."""
    found = [each for each in error.errors(include_url=False) if each["type"] != _FOLLOWS]
    faults = []
    for each in found:
        steps = [*each["loc"]]
        key, arguments = _message(each, steps)
        faults.append((_line(root, steps), ".".join(map(str, steps)), key, arguments))
    return [
        _fault(f"{path}:{line}", _cut(name) or "none", {"key": key, "arguments": arguments})
        for line, name, key, arguments in sorted(faults, key=lambda each: each[:2])
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
            line, name = key.start_mark.line + 1, str(key.value)
            if first := first_lines.get(name):
                place = f"{path}:{line}"
                yield fault_at(place, "finding-duplicate-key", name=_cut(name), first=first)
            first_lines.setdefault(name, line)
            if key.tag != _MERGE:
                key.tag = _TEXT
            yield from list_repeated_keys(path, value)
    elif node is not None and node.tag == _DATE:
        node.tag = _TEXT


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
    line, column, problem = describe_yaml_error(error, content)
    return fault_at(f"{path}:{line}:{column}", "finding-yaml-syntax", problem=problem)


def _message(error: Mapping[str, Any], steps: list[Any]) -> tuple[str, Mapping[str, object]]:
    """Return the text for one error, ours or pydantic's; cut `steps` to the key it is about."""
    kind = error["type"]
    if steps[-1:] == ["[key]"]:
        del steps[-1]
    if kind == "extra_forbidden":
        return "config-unknown-key", {}
    if kind == "missing":
        return "config-missing-key", {"name": str(steps.pop())}
    if kind.startswith("config-"):
        return kind, {name: _cut(str(value)) for name, value in error["ctx"].items()}
    return "error-plain", {"message": str(error.get("ctx", {}).get("error", error["msg"]))}


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
