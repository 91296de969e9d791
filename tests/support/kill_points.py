"""The names of all kill points: those that Merlin's code passes to `kill_point`."""

import re
from pathlib import Path

import merlin

_CALL = re.compile(r"\bkill_point\(([^)]*)\)")
_NAME = re.compile(r"\"(\w+\.\w+)\"")


def _read_points():
    for path in sorted(Path(merlin.__file__).parent.rglob("*.py")):
        for call in _CALL.findall(path.read_text("utf-8")):
            yield from _NAME.findall(call)


POINTS = tuple(dict.fromkeys(_read_points()))
