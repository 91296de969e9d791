"""Places: where in a file each value of its YAML begins and ends.

Only for text that `merlin.dataset.reading` has read: it is neither too deep nor too large, and
holds no alias, anchor or tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Place:
    """One value; `start` and `end` count letters of the text, `column` from 0.

    What `end` leaves out is blank, or a comment. `key` is where the key stands that leads here.
    """

    value: str | list[Place] | dict[str, Place]
    start: int
    end: int
    column: int
    is_flow: bool = False
    key: tuple[int, int] = (0, 0)

    @property
    def entries(self) -> list[tuple[int, int]]:
        """Return where each entry of a map or list begins and ends, its key with it."""
        if isinstance(self.value, dict):
            return [(each.key[0], each.end) for each in self.value.values()]
        return [(each.start, each.end) for each in self.value if isinstance(each, Place)]


def places(text: str) -> Place:
    """Return the file's value with the places of all that it holds."""
    root: Any = yaml.compose(text, Loader=yaml.CSafeLoader)
    return _place(root, (0, 0))


def at(root: Place, path: tuple[str | int, ...]) -> Place:
    """Return the value that a path of keys and numbers leads to."""
    here: Any = root
    for step in path:
        here = here.value[step]
    found: Place = here
    return found


def _place(node: Any, key: tuple[int, int]) -> Place:
    start, column = node.start_mark.index, node.start_mark.column
    is_flow = bool(getattr(node, "flow_style", False))
    if isinstance(node, yaml.ScalarNode):
        return Place(str(node.value), start, node.end_mark.index, column, key=key)
    value: list[Place] | dict[str, Place]
    if isinstance(node, yaml.SequenceNode):
        value = [_place(each, (0, 0)) for each in node.value]
        inner = value
    else:
        value = {
            str(name.value): _place(each, (name.start_mark.index, name.end_mark.index))
            for name, each in node.value
        }
        inner = list(value.values())
    # The end that YAML tells of a map or list in block style is where the next thing begins.
    end = node.end_mark.index if is_flow or not inner else inner[-1].end
    return Place(value, start, end, column, is_flow, key)
