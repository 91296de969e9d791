"""What of Merlin was run against programs of others: `tried.yaml`, which tests write.

`make record-real` runs them. What its `never` names was only met as a stand-in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Trial:
    """A program's version, the day in ISO form, and what was shown: texts `tried-shown-<name>`."""

    version: str
    date: str
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """The trials by program, and the names of what never was: texts `tried-never-<name>`."""

    programs: Mapping[str, Trial]
    never: tuple[str, ...]


@cache
def read_tried() -> Tried:
    """Return what was tried."""
    document = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    programs = {
        name: Trial(trial["version"], trial["date"], tuple(trial["shown"]))
        for name, trial in document["programs"].items()
    }
    return Tried(programs, tuple(document["never"]))
