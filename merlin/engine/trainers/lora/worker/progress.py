"""What the training process sends its engine, in lines of JSON; failures in words.

A file holds what was sent, for a later child: one that goes on from a checkpoint sends again what
came up to there, so whoever listens may have begun anew as well.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import torch

from merlin.core import durable_files
from merlin.engine.trainers.base import Untrainable
from merlin.engine.trainers.lora import trainer
from merlin.engine.training_file import BadFile

_ALLOCATOR = ("not enough memory", "can't allocate memory", "out of memory", "Cannot allocate")


def untrainable(error: Exception) -> Untrainable | None:
    """Return what to tell of an exception; None for a bug."""
    if isinstance(error, Untrainable):
        return error
    if isinstance(error, BadFile):
        return Untrainable("invalid_training_file", error.key, "training_file", **error.arguments)
    if _is_memory(error):
        return Untrainable("out_of_memory", "engine-lora-out-of-memory", None)
    if isinstance(error, OSError):
        return _of_disk(error)
    return None


def _is_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and any(part in words for part in _ALLOCATOR)


def _of_disk(error: OSError) -> Untrainable:
    if durable_files.is_full(error):
        return Untrainable("disk_full", "engine-disk-full", None)
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename)).name
        return Untrainable("file_not_found", "engine-file-gone", "training_file", name=name)
    reason = error.strerror or type(error).__name__
    return Untrainable("disk_error", "engine-disk-refuses", None, reason=reason)


class ProgressPipe:
    """Sends the progress of a training; `out` is None for the processes of further devices."""

    def __init__(self, folder: Path, out: BinaryIO | None) -> None:
        self._path = folder / trainer.TOLD
        self._out = out

    @property
    def is_first(self) -> bool:
        """Whether this process sends, and writes."""
        return self._out is not None

    def resend(self, length: int) -> None:
        """Send the first `length` bytes of the file again; what follows them is forgotten."""
        if self._out is None:
            return
        with self._path.open("ab") as file:
            file.truncate(length)
        self._write(self._path.read_bytes())

    def send(self, kind: str, **fields: object) -> None:
        """Send something of the training, to be sent again by a later child."""
        if self._out is not None:
            line = _line(kind, fields)
            with self._path.open("ab") as file:
                file.write(line)
            self._write(line)

    def send_once(self, kind: str, **fields: object) -> None:
        """Send something that matters now alone."""
        if self._out is not None:
            self._write(_line(kind, fields))

    def written_bytes(self) -> int:
        """Return how many bytes the file has, once they are on the disk."""
        if self._out is None or not self._path.exists():
            return 0
        durable_files.sync_file(self._path)
        return self._path.stat().st_size

    def _write(self, line: bytes) -> None:
        # Who does not listen any more has asked for the end, or is dead: both are seen elsewhere.
        with suppress(BrokenPipeError):
            if self._out is not None:
                self._out.write(line)
                self._out.flush()


def _line(kind: str, fields: dict[str, object]) -> bytes:
    return json.dumps({"tell": kind, **fields}, ensure_ascii=False).encode() + b"\n"
