"""What the child says: JSON lines to the engine, and the same to a file that a later child reads.

A child that goes on from a checkpoint says again what was told up to there, so whoever listens
may have begun anew as well.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from merlin.core import durable
from merlin.engine.trainers.lora import papers


class Voice:
    """The one who speaks for a training; `out` is None for the processes of further devices."""

    def __init__(self, folder: Path, out: BinaryIO | None) -> None:
        self._path = folder / papers.TOLD
        self._out = out

    @property
    def is_first(self) -> bool:
        """Whether this process speaks, and writes."""
        return self._out is not None

    def again(self, length: int) -> None:
        """Say the first `length` bytes of what was told; what was told after them is forgotten."""
        if self._out is None:
            return
        with self._path.open("ab") as file:
            file.truncate(length)
        self._write(self._path.read_bytes())

    def tell(self, kind: str, **said: object) -> None:
        """Say something of the training, to be said again by a later child."""
        if self._out is not None:
            line = _line(kind, said)
            with self._path.open("ab") as file:
                file.write(line)
            self._write(line)

    def mention(self, kind: str, **said: object) -> None:
        """Say something that matters now alone."""
        if self._out is not None:
            self._write(_line(kind, said))

    def told(self) -> int:
        """Return how many bytes were told so far, once they are on the disk."""
        if self._out is None or not self._path.exists():
            return 0
        durable.sync(self._path)
        return self._path.stat().st_size

    def _write(self, line: bytes) -> None:
        # Who does not listen any more has asked for the end, or is dead: both are seen elsewhere.
        with suppress(BrokenPipeError):
            if self._out is not None:
                self._out.write(line)
                self._out.flush()


def stdout_alone() -> BinaryIO:
    """Return the real standard output; what others print goes to the log from now on."""
    real = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(real, "wb")


def _line(kind: str, said: dict[str, object]) -> bytes:
    return json.dumps({"tell": kind, **said}, ensure_ascii=False).encode() + b"\n"
