"""Why a job failed, in words that say what to do; the engine and its queue go on."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from merlin.core.text import text
from merlin.engine.trainers import Untrainable
from merlin.engine.training_file import BadFile

_FILE = "training_file"


@dataclass(frozen=True, slots=True)
class Failure:
    """The protocol's `job.error`; `is_bug` where the engine itself is to blame."""

    code: str
    message: str
    param: str | None = None
    is_bug: bool = False


def failure_of(error: Exception, language: str) -> Failure:
    """Return what a job's error says about what was raised while working on it."""
    if isinstance(error, BadFile):
        return Failure("invalid_training_file", str(error), _FILE)
    if isinstance(error, Untrainable):
        return Failure(error.code, text(language, error.key, **error.arguments), error.param)
    if isinstance(error, MemoryError):
        words = "There is not enough memory for this job; train on fewer examples."
        return Failure("out_of_memory", words)
    if isinstance(error, OSError):
        return _of_disk(error)
    return Failure("server_error", words_of_bug(error), is_bug=True)


def words_of_bug(error: Exception) -> str:
    """Return what a caller is told of a bug: enough to find it in the log, and no more."""
    return f"A bug in the engine: {type(error).__name__}; its log says more."


def is_full(error: OSError) -> bool:
    """Return whether the disk refused for want of room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def _of_disk(error: OSError) -> Failure:
    if isinstance(error, FileNotFoundError):
        words = "A file of this job was deleted; upload it again and create a new job."
        return Failure("file_not_found", words, _FILE)
    if is_full(error):
        return Failure("disk_full", "The engine's disk is full; make room, create the job again.")
    return Failure("disk_error", f"The engine's disk refuses: {error.strerror}.")
