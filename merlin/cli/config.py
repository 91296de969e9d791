"""`merlin config check|sample`: judge a configuration, print one with every key."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
import yaml

from merlin.cli.loading import DEFAULT, ConfigPath
from merlin.cli.output import say


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Judge a configuration, or print a sample.")
    group.command("check")(check)
    group.command("sample")(sample)
    app.add_typer(group, name="config")


def check(config: ConfigPath = DEFAULT) -> None:
    """Say every fault of a configuration at once; exit 2 when there is one."""
    from merlin.config import load

    load(config)
    say("config-good", path=str(config))


def sample() -> None:
    """Print a configuration with every key, its meaning and its example."""
    from merlin.config import schema

    said = schema()
    lines: list[str] = [
        "# Every key with an example, to copy from; not a configuration to start with.",
        "# What is left out has its default: state_dir, repository and providers are enough.",
    ]
    _explain(said, said, lines, 0)
    sys.stdout.write("\n".join(lines) + "\n")


def _explain(
    root: Mapping[str, Any], node: Mapping[str, Any], lines: list[str], depth: int
) -> None:
    pad = "  " * depth
    for key, raw in node.get("properties", {}).items():
        value = _resolved(root, raw)
        lines.append(f"{pad}# {value.get('description', '')}")
        items = _resolved(root, value.get("items", {}))
        entries = value.get("additionalProperties")
        if "properties" in value:
            lines.append(f"{pad}{key}:")
            _explain(root, value, lines, depth + 1)
        elif "properties" in items:
            lines.append(f"{pad}{key}:")
            lines.append(f"{pad}-")
            _explain(root, items, lines, depth + 1)
        elif isinstance(entries, Mapping):
            lines.append(f"{pad}{key}:")
            for name, entry in _entries(value, _resolved(root, entries)):
                lines.append(f"{pad}  {name}:")
                _explain(root, entry, lines, depth + 2)
        else:
            lines.append(f"{pad}{key}: {_written(value.get('example'))}")


def _entries(
    node: Mapping[str, Any], entry: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield names with what stands under each: all keys, or those that the example shares out."""
    shared: Mapping[str, Sequence[str]] | None = node.get("example")
    if shared is None:
        yield node.get("propertyNames", {}).get("example", "gpt-4o-mini-2024-07-18"), entry
        return
    for name, keys in shared.items():
        yield name, {"properties": {key: entry["properties"][key] for key in keys}}


def _resolved(root: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    return {**root["$defs"][reference.rsplit("/", 1)[-1]], **node}


def _written(value: object) -> str:
    plain: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000)
    return plain.removesuffix("\n").removesuffix("\n...")
