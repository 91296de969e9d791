"""Functions that the processes of a pool call; without pytest, whose import takes them a second."""

import os
import signal
from pathlib import Path


def get_pid(_number):
    return os.getpid()


def die_in_child(pid, fatal_number, number):
    if number == fatal_number and os.getpid() != pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(refused_number, number):
    if number == refused_number:
        raise LookupError(number)
    return number


def live_until_parent_ends(folder, parent, _number):
    from tests.support.waiting import wait_until

    (Path(folder) / str(os.getpid())).touch()
    wait_until(lambda: os.getppid() != parent)


def is_running(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
