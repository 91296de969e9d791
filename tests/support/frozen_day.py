"""The same day and machine whenever the tests run: the clock moved and going on, host and disk."""

from __future__ import annotations

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
def still_day(by=None, at=DAY):
    """Let it be `at` in this process, or what it is in the one that moved its clock `by`."""
    by = at - datetime.now(UTC) if by is None else by
    with (
        time_machine.travel(datetime.now(UTC) + by, tick=True),
        pytest.MonkeyPatch.context() as machine,
    ):
        machine.setattr(socket, "gethostname", lambda: "host")
        machine.setattr(shutil, "disk_usage", lambda _: DISK)
        yield by


@contextmanager
def own_environment():
    """Let the environment of this process change, and be afterwards as it was."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def start(by, verb, config, log, *, group_s=60.0, **environment):
    """Start `merlin <verb>` as `forked.start` does, on the same day.

    What the bot told the admins lately waits `group_s` seconds for company.
    """
    said = by, group_s, [verb, "--config", str(config)]
    return forked_processes.started(_run, said, log, environment)


def _run(said, environment, log):
    from merlin.bot.services import BotServices, Pace

    by, group_s, words = said
    with still_day(by), pytest.MonkeyPatch.context() as here:
        here.setitem(BotServices.__init__.__kwdefaults__, "pace", Pace(group_s=group_s))
        forked_processes.run(words, environment, log)
