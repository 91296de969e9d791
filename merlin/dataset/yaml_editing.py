"""Editing YAML: a file's text brought to say something else, the rest of it byte for byte.

    difference (the first one) -> a splice of the lines of that entry -> read back -> the next

A comment stays where it is, unless it stands in a line of an entry that goes. Each splice is
proven by reading; where none says what was meant, the caller writes the file anew.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from merlin.dataset.finding import Finding
from merlin.dataset.judging import judge
from merlin.dataset.reading import read
from merlin.dataset.yaml_places import places
from merlin.dataset.yaml_splices import Splice, line_end, line_of_dash, splices

MOST_STEPS = 100


class Deed(StrEnum):
    """What is done to one entry of a map or a list."""

    SET = "set"
    ADD = "add"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Step:
    """One difference: `path` leads to the map or list, `at` to the entry within it."""

    deed: Deed
    path: tuple[str | int, ...]
    at: str | int
    value: object = None


def value_of(name: str, text: str) -> Any:
    """Return what a text says as the schema `name` takes it, None where it cannot be read."""
    node = read(text.encode("utf-8", "surrogatepass"))
    return None if isinstance(node, Finding) else judge(name, node)[0]


def is_same(one: object, other: object) -> bool:
    """Return whether two values say the same; the order of a map's keys says nothing."""
    return _key(one) == _key(other)


def edited(name: str, text: str, wanted: Mapping[str, object], order: Sequence[str]) -> str | None:
    """Return `text` so that it says `wanted`, None where that cannot be done entry by entry.

    `order`: where new keys of maps go, after those named before them.
    """
    value = value_of(name, text)
    moved = _raws(text, value)
    for _ in range(MOST_STEPS):
        step = difference(value, wanted)
        if step is None:
            return text
        value = applied(value, step)
        found = _stepped(name, text, step, value, (moved, order))
        if found is None:
            return None
        text = found
    return None


def difference(old: object, new: object, path: tuple[str | int, ...] = ()) -> Step | None:
    """Return one difference, None for none; lists shrink and grow from their ends."""
    if is_same(old, new):
        return None
    if isinstance(old, dict) and isinstance(new, Mapping):
        return _of_maps(old, new, path)
    if isinstance(old, list) and isinstance(new, list):
        return _of_lists(old, new, path)
    return Step(Deed.SET, path[:-1], path[-1], new) if path else None


def _of_maps(
    old: Mapping[str, object], new: Mapping[str, object], path: tuple[str | int, ...]
) -> Step | None:
    for key in old:
        step = difference(old[key], new[key], (*path, key)) if key in new else None
        if step:
            return step
    added = next((key for key in new if key not in old), None)
    if added is not None:
        return Step(Deed.ADD, path, added, new[added])
    gone = next((key for key in old if key not in new), None)
    return None if gone is None else Step(Deed.DROP, path, gone)


def _of_lists(
    old: Sequence[object], new: Sequence[object], path: tuple[str | int, ...]
) -> Step | None:
    keys = [_key(each) for each in old], [_key(each) for each in new]
    blocks = SequenceMatcher(None, *keys, autojunk=False).get_opcodes()
    tag, low, high, first, last = [block for block in blocks if block[0] != "equal"][-1]
    if tag != "insert" and high - low > last - first:
        return Step(Deed.DROP, path, high - 1)
    if high - low < last - first:
        return Step(Deed.ADD, path, high, new[last - 1])
    return difference(old[high - 1], new[last - 1], (*path, high - 1))


def applied(value: object, step: Step) -> Any:
    """Return what the value is after a step."""
    whole = copy.deepcopy(value)
    here: Any = whole
    for each in step.path:
        here = here[each]
    if step.deed is Deed.DROP:
        del here[step.at]
    elif step.deed is Deed.ADD and isinstance(here, list):
        here.insert(int(step.at), copy.deepcopy(step.value))
    else:
        here[step.at] = copy.deepcopy(step.value)
    return whole


_Known = tuple[Mapping[str, str], Sequence[str]]


def _stepped(name: str, text: str, step: Step, meant: object, known: _Known) -> str | None:
    """Return the text after a step, by the first of its splices that says what is meant."""
    moved, order = known
    raw = moved.get(_key(step.value), "") if step.deed is Deed.ADD else ""
    splice = Splice(text, places(text), step.path, step.at, step.value, raw)
    for found in splices(step.deed, splice, order):
        if is_same(value_of(name, found), meant):
            return found
    return None


def _raws(text: str, value: Mapping[str, Any]) -> dict[str, str]:
    """Return the own lines of each item of a block list, by what it says: it may be moved."""
    root = places(text).value
    found: dict[str, str] = {}
    for name, place in root.items() if isinstance(root, dict) else ():
        if isinstance(place.value, list) and not place.is_flow:
            for each, (start, end) in zip(value[name], place.entries, strict=True):
                line = line_of_dash(text, place, start) + place.column
                found[_key(each)] = text[line : line_end(text, end)].rstrip("\r\n")
    return found


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
