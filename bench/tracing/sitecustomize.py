"""Writes down which functions of Merlin this process calls; loaded where PYTHONPATH names it.

`bench.walk` names the phase in a file; when it changes, what was called in the one before is
written beside it: a line a function, in the order of their first calls.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType

FOLDER = Path(os.environ["MERLIN_WALK"])
# By identity: a code object's own hash reads the whole of it.
called: dict[int, CodeType] = {}


def note(frame: FrameType, event: str, _: object) -> None:
    """Note a function's first call."""
    if event == "call" and id(frame.f_code) not in called:
        called[id(frame.f_code)] = frame.f_code


def follow() -> None:
    """Write each phase's functions when it ends."""
    global called
    words = sys.orig_argv
    verb = next((words[at + 2] for at in range(len(words) - 2) if words[at + 1] == "merlin"), "")
    phase = ""
    while True:
        time.sleep(0.02)
        now = (FOLDER / "phase").read_text("utf-8")
        if now == phase:
            continue
        ended, called = called, {}
        ours = [each for each in ended.values() if "/merlin/" in each.co_filename]
        lines = [f"{our.co_filename}:{our.co_qualname}\n" for our in ours]
        path = FOLDER / f"{phase or 'start'}.{verb}"
        path.with_suffix(path.suffix + ".new").write_text("".join(lines), "utf-8")
        path.with_suffix(path.suffix + ".new").rename(path)
        phase = now


threading.setprofile(note)
sys.setprofile(note)
threading.Thread(target=follow, daemon=True).start()
