"""Write the keys of files into docs/*/configure.md and dataset.md; `make docs` calls it.

Keys and defaults of the configuration are those of the models, and so are the English meanings; the
Russian ones are written on the page, as are those of an example. They stay as they stand, as do the
words in the place of a default that is none; a new key is put behind the one before it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from merlin.config import schema
from merlin.core.example_keys import KEYS

ROOT = Path(__file__).parents[2]
Node = Mapping[str, Any]
REQUIRED = {"en": "required", "ru": "обязателен"}
NONE = {"en": "none", "ru": "нет"}
_ROW = re.compile(r"\| `([a-z_.<>\[\]]+)` \| (.*?) \| (.*) \|")


def keys_of(
    root: Node, node: Node, prefix: str = ""
) -> Iterator[tuple[str, Node, bool]]:
    """Yield (path, schema, is required) of every key; prices are told once, under `models`."""
    for name, raw in node.get("properties", {}).items():
        value = resolve(root, raw)
        yield f"{prefix}{name}", value, name in node.get("required", ())
        entry = resolve(root, entry_of(value))
        if "properties" in entry:
            path = f"{prefix}{name}.{entry_name(entry)}"
            yield path, entry, False
            yield from keys_of(root, {} if name == "prices" else entry, f"{path}.")
        yield from keys_of(
            root, resolve(root, value.get("items", {})), f"{prefix}{name}[]."
        )
        yield from keys_of(root, value, f"{prefix}{name}.")


def entry_of(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the schema says of each entry of a table, nothing where it is none."""
    entry = next(iter(node.get("patternProperties", {}).values()), None)
    entry = entry or node.get("additionalProperties")
    return entry if isinstance(entry, Mapping) else {}


def entry_name(entry: Mapping[str, Any]) -> str:
    """Return what a path has in the place of an entry's own name: <plan> or <model>."""
    return "<plan>" if entry.get("title") == "Plan" else "<model>"


def resolve(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the description of a key, even if it is elsewhere in the schema."""
    reference = node.get("$ref")
    if reference is None:
        return node
    return {**schema["$defs"][reference.rsplit("/", 1)[-1]], **node}


CONFIG_KEYS = list(keys_of(schema(), schema()))
EXAMPLE_KEYS = [
    (key.name, {"description": key.meaning}, key.is_required) for key in KEYS
]
_TABLE = re.compile(r"(?:^\| `.*\n)+", re.MULTILINE)


def page_of(language: str) -> str:
    """Return the page with the row of every key."""
    lines = path_of(language).read_text("utf-8").splitlines()
    return _write_rows(lines, language, CONFIG_KEYS, is_told=language == "en")


def example_page_of(language: str) -> str:
    """Return the page on datasets with the row of every key of an example, in its first table."""
    page = path_of(language, "dataset").read_text("utf-8")
    table = _TABLE.search(page)
    assert table is not None
    lines = table[0].splitlines()
    written = _write_rows(lines, language, EXAMPLE_KEYS, is_told=False)
    return page.replace(table[0], written, 1)


def _write_rows(
    lines: Sequence[str],
    language: str,
    keys: Iterable[tuple[str, Node, bool]],
    *,
    is_told: bool,
) -> str:
    """Return lines with the row of every key; `is_told`: with the meaning that its schema tells."""
    there = {found[1]: found for line in lines if (found := _ROW.fullmatch(line))}
    rows: dict[str, list[str]] = {}
    key = ""
    for path, node, is_required in keys:
        found = there.get(path)
        key = path if found else key
        row = _row(language, path, node, is_required, found, is_told=is_told)
        rows.setdefault(key, []).append(row)
    made: list[str] = []
    for line in lines:
        found = _ROW.fullmatch(line)
        made += rows.get(found[1], []) if found else [line]
    return "\n".join(made) + "\n"


def path_of(language: str, page: str = "configure") -> Path:
    """Return where a page lies."""
    return ROOT / "docs" / language / f"{page}.md"


def _row(
    language: str,
    path: str,
    node: Node,
    is_required: bool,
    found: re.Match[str] | None,
    *,
    is_told: bool,
) -> str:
    default = node.get("default")
    plain = default if isinstance(default, str) else json.dumps(default)
    told = (
        REQUIRED[language] if is_required else f"`{plain}`" if "default" in node else ""
    )
    meaning = " ".join(node.get("description", "").split())
    if found is not None:
        told = told or found[2]
        meaning = meaning if is_told else found[3]
    return f"| `{path}` | {told or NONE[language]} | {meaning} |"


if __name__ == "__main__":
    for each in REQUIRED:
        path_of(each).write_text(page_of(each), "utf-8")
        path_of(each, "dataset").write_text(example_page_of(each), "utf-8")
