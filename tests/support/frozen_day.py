"""The same date, host name and disk size in every run; the clock is shifted but keeps running."""

import os
import shutil
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import time_machine

from tests.support import forked_processes

_GIB = 1 << 30
DISK = SimpleNamespace(total=200 * _GIB, used=150 * _GIB, free=50 * _GIB)
DAY = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@contextmanager
def fixed_day(by=None, at=DAY):
    """Shift the clock to `at`, or `by` the given difference, which another process already uses."""
    by = at - datetime.now(UTC) if by is None else by
    with (
        time_machine.travel(datetime.now(UTC) + by, tick=True),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(socket, "gethostname", lambda: "host")
        patch.setattr(shutil, "disk_usage", lambda _: DISK)
        yield by


@contextmanager
def restore_environment():
    """Restore this process's environment after the block."""
    original = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= original


def start(by, verb, config, log, *, group_s=60.0, **environment):
    """Start `merlin <verb>` as `forked_processes.start` does, on the same day.

    The bot groups notifications to admins for `group_s` seconds.
    """
    argument = by, group_s, [verb, "--config", str(config)]
    return forked_processes.start_function(_run, argument, log, environment)


def _run(argument, environment, log):
    from merlin.bot.services import BotServices, Pace

    by, group_s, arguments = argument
    with fixed_day(by), pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            BotServices.__init__.__kwdefaults__, "pace", Pace(group_s=group_s)
        )
        forked_processes.run_command(arguments, environment, log)
