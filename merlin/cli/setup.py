"""`merlin config check|sample` and `merlin key list|rotate`: what an operator sets up.

A configuration is judged or printed to start with; the key is the one under which people's words
lie in the database.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
import yaml

from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_message, print_table, translate_word

_HEAD = (
    "# A configuration to start with; put it into config.yaml: merlin config sample > config.yaml",
    "# A key right behind a # is left out and shows an example. To set it, take away its # and",
    "# those of the keys that it stands under.",
)


def register(app: typer.Typer) -> None:
    """Add both groups to the command line."""
    keys = typer.Typer(no_args_is_help=True, help="The key of people's texts.")
    keys.command("list")(list_keys)
    keys.command()(rotate)
    app.add_typer(keys, name="key")
    group = typer.Typer(no_args_is_help=True, help="Judge a configuration, or print a sample.")
    group.command("check")(check)
    group.command("sample")(sample)
    app.add_typer(group, name="config")


def check(config: ConfigPath = DEFAULT) -> None:
    """Say every fault of a configuration at once; exit 2 when there is one."""
    from merlin.config import load

    load(config)
    print_message("config-good", path=str(config))


def sample() -> None:
    """Print a configuration to start with, and every other key behind a comment sign."""
    from merlin.config.faults import schema

    said = schema()
    lines = [*_HEAD]
    _explain(said, said, lines, 0)
    sys.stdout.write("\n".join(lines) + "\n")


def _explain(
    root: Mapping[str, Any], node: Mapping[str, Any], lines: list[str], depth: int
) -> None:
    for key, raw in node.get("properties", {}).items():
        value = _resolved(root, raw)
        pad = "  " * depth
        lines += [""] if depth == 0 else []
        lines.append(f"{pad}# {value.get('description', '')}")
        _show(root, value, lines, f"{pad}{_sign(root, value)}", key, depth)


def _show(
    root: Mapping[str, Any],
    value: Mapping[str, Any],
    lines: list[str],
    pad: str,
    key: str,
    depth: int,
) -> None:
    """Add a key's own lines: its value, or what stands below it."""
    items = _resolved(root, value.get("items", {}))
    entries = value.get("additionalProperties")
    if "properties" in value:
        lines.append(f"{pad}{key}:")
        _explain(root, value, lines, depth + 1)
    elif "properties" in items:
        lines += [f"{pad}{key}:", f"{pad}-"]
        _explain(root, items, lines, depth + 1)
    elif isinstance(entries, Mapping):
        lines.append(f"{pad}{key}:")
        for name, entry in _entries(value, _resolved(root, entries)):
            lines.append(f"  {pad}{name}:")
            _explain(root, entry, lines, depth + 2)
    else:
        lines.append(f"{pad}{key}: {_written(value.get('start', value.get('example')))}")


def _sign(root: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    """Return what stands before a key: nothing where it, or one below it, belongs to a start."""
    return "" if _starts(root, value) else "#"


def _starts(root: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    value = _resolved(root, raw)
    below = [*value.get("properties", {}).values()]
    below += [value["items"]] if "items" in value else []
    return "start" in value or any(_starts(root, each) for each in below)


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


COLUMNS = ("key", "state", "sealed")


def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys by their names, with how many texts each has sealed."""
    from merlin.wiring.key import listed

    found = listed(configuration(config))
    if json:
        print_json({"keys": found})
        return
    lines = [
        [each["key"], translate_word("key-state", each["state"]), each["sealed"]] for each in found
    ]
    print_table([f"key-col-{name}" for name in COLUMNS], lines)


def rotate(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Make a new key and seal every text anew; may be stopped and begun again."""
    from merlin.wiring import key

    def progress(done: int, total: int) -> None:
        print_message("key-progress", done=done, total=total)

    told = key.rotate(configuration(config), progress)
    if json:
        print_json(told)
        return
    print_message("key-rotated", name=told["key"], unreadable=told["unreadable"])
