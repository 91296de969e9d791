"""Named points at which a test may kill the process as SIGKILL would.

`kill_point("launch.sent")` does nothing unless that point is in MERLIN_CRASH_AT; then the process
exits at once without flushing. With MERLIN_CRASH_MARK the crash happens once at each point: the
first process creates the file MARK.launch.sent, later ones find it and continue.
"""

import os
from pathlib import Path


def kill_point(point: str) -> None:
    """Kill the process here if the environment asks for it."""
    if point not in os.environ.get("MERLIN_CRASH_AT", "").split(","):
        return
    mark = os.environ.get("MERLIN_CRASH_MARK")
    if mark:
        try:
            os.close(
                os.open(
                    Path(f"{mark}.{point}"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600
                )
            )
        except FileExistsError:
            return
    os._exit(137)
