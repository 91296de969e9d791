"""`merlin config check|sample|schema`: a configuration is judged, or printed to start with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
import yaml

from merlin.cli import language
from merlin.cli.options import DEFAULT, ConfigPath
from merlin.cli.output import print_json, print_message
from merlin.config import load, schema
from merlin.config.faults import entry_of, resolved

_HEAD = (
    "# A configuration to start with; put it into config.yaml: merlin config sample > config.yaml",
    "# A key right behind a # is left out and shows an example. To set it, take away its # and",
    "# those of the keys that it stands under.",
)

Short = Annotated[bool, typer.Option("--short", help="Print only the keys to start with.")]


app = typer.Typer(
    name="config", no_args_is_help=True, help="Check a configuration, or print a sample."
)


@app.command("check")
def check(config: ConfigPath = DEFAULT) -> None:
    """Report every error in a configuration at once; exit 2 if there is one."""
    load(config)
    print_message("config-good", path=str(config))


@app.command("sample")
def sample(short: Short = False) -> None:
    """Print a configuration to start with; every other key is commented out."""
    said = schema()
    said["properties"]["language"]["start"] = language()
    lines = [_HEAD[0]] if short else [*_HEAD]
    _explain(said, said, lines, 0, is_short=short)
    sys.stdout.write("\n".join(lines) + "\n")


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of config.yaml, for editors and other programs."""
    print_json(schema())


def _explain(
    root: Mapping[str, Any],
    node: Mapping[str, Any],
    lines: list[str],
    depth: int,
    *,
    is_short: bool = False,
) -> None:
    """Add the keys of a node with what they mean; in short those that belong to a start alone."""
    for key, raw in node.get("properties", {}).items():
        value = resolved(root, raw)
        if is_short and not _starts(root, value):
            continue
        pad = "  " * depth
        lines += [""] if depth == 0 else []
        lines.append(f"{pad}# {' '.join(value.get('description', '').split())}")
        # Nothing stands before a key that belongs to a start, or that one below it does.
        sign = "" if _starts(root, value) else "#"
        _show(root, value, lines, f"{pad}{sign}", key, depth, is_short=is_short)


def _show(
    root: Mapping[str, Any],
    value: Mapping[str, Any],
    lines: list[str],
    pad: str,
    key: str,
    depth: int,
    *,
    is_short: bool,
) -> None:
    """Add a key's own lines: its value, or what stands below it."""
    items = resolved(root, value.get("items", {}))
    if "properties" in value:
        lines.append(f"{pad}{key}:")
        _explain(root, value, lines, depth + 1, is_short=is_short)
    elif "properties" in items:
        lines += [f"{pad}{key}:", f"{pad}-"]
        _explain(root, items, lines, depth + 1, is_short=is_short)
    elif "entries" in value:
        lines.append(f"{pad}{key}:")
        entry = resolved(root, entry_of(value))
        # No entry has all keys at once.
        for name, keys in value["entries"].items():
            lines.append(f"  {pad}{name}:")
            shown = {"properties": {key: entry["properties"][key] for key in keys}}
            _explain(root, shown, lines, depth + 2)
    else:
        lines.append(f"{pad}{key}: {_written(value.get('start', value['examples'][0]))}")


def _starts(root: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    value = resolved(root, raw)
    below = [*value.get("properties", {}).values()]
    below += [value["items"]] if "items" in value else []
    return "start" in value or any(_starts(root, each) for each in below)


def _written(value: object) -> str:
    plain: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000)
    return plain.removesuffix("\n").removesuffix("\n...")
