"""What goes wrong in a training, in words that say what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import torch

from merlin.engine.trainers import Untrainable
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
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Untrainable("disk_full", "engine-disk-full", None)
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename)).name
        return Untrainable("file_not_found", "engine-file-gone", "training_file", name=name)
    reason = error.strerror or type(error).__name__
    return Untrainable("disk_error", "engine-disk-refuses", None, reason=reason)
