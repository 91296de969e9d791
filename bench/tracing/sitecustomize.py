"""Record which functions of Merlin this process calls; loaded if its folder is in PYTHONPATH.

`bench.walk` writes the current phase to a file; when it changes, the functions called in the
previous phase are written beside it, one per line, with the time and the thread of the first call.
"""

import os
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType

FOLDER = Path(os.environ["MERLIN_WALK"])
# By id: hashing a code object reads all of its content.
called: dict[int, tuple[int, int, CodeType]] = {}


def note(frame: FrameType, event: str, _: object) -> None:
    """Record a function's first call."""
    if event == "call" and id(frame.f_code) not in called:
        call = (time.monotonic_ns(), threading.get_ident(), frame.f_code)
        called[id(frame.f_code)] = call


def follow() -> None:
    """Write each phase's functions at its end."""
    global called  # noqa: PLW0603 - called by the profiler
    words = sys.orig_argv
    verb = next(
        (words[at + 2] for at in range(len(words) - 2) if words[at + 1] == "merlin"), ""
    )
    phase = ""
    while True:
        time.sleep(0.02)
        now = (FOLDER / "phase").read_text("utf-8")
        if now in ("", phase):
            continue
        ended = called
        called = {}
        lines = [
            f"{at} {thread} {code.co_filename}:{code.co_qualname}\n"
            for at, thread, code in ended.values()
            if "/merlin/" in code.co_filename
        ]
        path = FOLDER / f"{phase or 'start'}.{verb}"
        path.with_suffix(path.suffix + ".new").write_text("".join(lines), "utf-8")
        path.with_suffix(path.suffix + ".new").rename(path)
        phase = now


threading.setprofile(note)
sys.setprofile(note)
threading.Thread(target=follow, daemon=True).start()
