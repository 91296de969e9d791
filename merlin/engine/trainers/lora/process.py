"""One child at work: its lines, and its end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, cast

from merlin.engine.trainers import Task
from merlin.engine.trainers.lora import launch, papers

# A step and the writing of a checkpoint, on a machine that is busy with something else.
_STOPPING_S = 60.0
# How long a child may be silent before whoever listens may look about.
_SILENT_MS = 500
_MOST_READ = 65_536
# What a child says once it has loaded all it needs: only then is there work to keep.
_SETTLED = "settled"


class Child:
    """The process that trains one task; it leaves by itself when this process dies."""

    def __init__(self, task: Task) -> None:
        with (task.folder / papers.LOG).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                launch.command(task.place, task.folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=launch.environment(task.place),
                # Ctrl-C in a terminal is for the engine, which stops the child in order.
                start_new_session=True,
            )
        self._ear = cast("IO[bytes]", self._process.stdin)
        self._said = cast("IO[bytes]", self._process.stdout)
        self._is_loading = True

    def lines(self) -> Iterator[dict[str, object] | None]:
        """Yield what the child says until it leaves, None where it is silent for a while.

        What is no JSON object is left out.
        """
        for line in self._heard():
            if line is None:
                yield None
                continue
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    self._is_loading &= said.get("tell") != _SETTLED
                    yield said
        # Its exit code tells how it ended: it is let to leave by itself.
        self._is_loading = False

    def _heard(self) -> Iterator[bytes | None]:
        """Yield whole lines as they come, None where none came for a while."""
        poll, rest = select.poll(), b""
        poll.register(self._said, select.POLLIN)
        while True:
            if not poll.poll(_SILENT_MS):
                yield None
            elif more := os.read(self._said.fileno(), _MOST_READ):
                *lines, rest = (rest + more).split(b"\n")
                yield from lines
            else:
                return

    def end(self) -> int:
        """Let it end its step and leave; kill it where it does not. Return its exit code.

        One that still loads has nothing to keep: it is killed at once.
        """
        process = self._process
        with suppress(OSError):
            self._ear.write(f"{papers.STOP}\n".encode())
            self._ear.flush()
        # Nobody reads any more: a child that waits for a reader would never leave.
        self._said.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0 if self._is_loading else _STOPPING_S)
        # Also what it may have started: the processes of the other devices.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        with suppress(OSError):
            self._ear.close()
        return code
