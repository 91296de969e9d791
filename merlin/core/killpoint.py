"""Named points at which a test may kill the process as SIGKILL would.

`kill_point("launch.sent")` does nothing unless MERLIN_CRASH_AT names that point; then the process
exits at once without flushing. If MERLIN_CRASH_MARK names a file, the crash happens once: the first
process creates the file, later ones find it and continue.
"""

import os
from pathlib import Path


def kill_point(point: str) -> None:
    """Kill the process here if the environment asks for it."""
    if os.environ.get("MERLIN_CRASH_AT") != point:
        return
    mark = os.environ.get("MERLIN_CRASH_MARK")
    if mark:
        try:
            os.close(os.open(Path(mark), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
    os._exit(137)
