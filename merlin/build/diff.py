"""Diff: what one build has that another has not, from their manifests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Diff:
    """Example ids by what became of them, each tuple ordered.

    `changed` have other words, `moved` the same words on the other side of the split.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    moved: tuple[str, ...]


def diff(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Diff:
    """Return what leads from manifest `old` to manifest `new`; None: there was no build before."""
    before = {each["id"]: each for each in old["examples"]} if old else {}
    after = {each["id"]: each for each in new["examples"]}
    both = sorted(before.keys() & after.keys())
    changed = [name for name in both if before[name]["blob"] != after[name]["blob"]]
    same = [name for name in both if name not in set(changed)]
    return Diff(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(changed),
        moved=tuple(name for name in same if before[name]["split"] != after[name]["split"]),
    )
