"""Ending processes and threads: none of them may keep a test waiting for ever."""

import faulthandler
import os
import signal
import subprocess
import sys
from contextlib import suppress

from tests.support.waiting import longest

END_S = 60
STACKS_S = 5


def end(*workers, within_s=END_S):
    """End processes by SIGTERM, all at once; fail as `wait_for_end` does."""
    for process in workers:
        process.terminate()
    for process in workers:
        wait_for_end(process, within_s)


def kill(process):
    """Kill a process, and wait until it has ended."""
    process.kill()
    wait_for_end(process)


def wait_for_end(worker, within_s=END_S):
    """Wait until a process or thread has ended; return the exit code of a process.

    One that does not end fails the test: a process writes its stacks to its log and is killed.
    """
    if _has_ended(worker, within_s):
        return _exit_code(worker)
    if (pid := getattr(worker, "pid", None)) is None:
        faulthandler.dump_traceback(sys.__stderr__)
        raise AssertionError(f"{worker} did not end")
    os.kill(
        pid, signal.SIGABRT
    )  # by `faulthandler`, which is on in processes of the tests
    if not _has_ended(worker, STACKS_S):
        worker.kill()
        _has_ended(worker, STACKS_S)
    raise AssertionError(f"{worker} did not end by itself: its stacks are in its log")


def _has_ended(worker, within_s):
    if isinstance(worker, subprocess.Popen):
        # Reads what it writes: a full pipe would keep it from ending. Closes the pipes.
        with suppress(subprocess.TimeoutExpired):
            worker.communicate(timeout=longest(within_s))
        return worker.returncode is not None
    worker.join(longest(within_s))
    return not worker.is_alive()


def _exit_code(worker):
    if isinstance(worker, subprocess.Popen):
        return worker.returncode
    return getattr(worker, "exitcode", None)
