"""Why a job failed, in words that say what to do; the engine and its queue go on.

A reason is kept as a code and as a text's key with its arguments, and is worded for whoever reads
it: a person in their language, a program of the protocol in English.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from merlin.core.text import keys, text
from merlin.core.web.language import language_of_header
from merlin.engine.trainers import Untrainable
from merlin.engine.training_file import BadFile

_FILE = "training_file"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Failure:
    """A job's reason; `param` is the field that is to blame, None where it is none.

    `is_bug` where the engine itself is to blame.
    """

    code: str
    key: str
    param: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    is_bug: bool = False

    def stored(self) -> dict[str, object]:
        """Return what is kept of it; the English words for whoever knows the key no more."""
        words = text(ENGLISH, self.key, **self.arguments)
        told = {"key": self.key, "arguments": dict(self.arguments)}
        return {"code": self.code, "message": words, "param": self.param, **told}


def words_of(error: Mapping[str, object] | None, language: str) -> str:
    """Return a kept reason in a language, "" without one."""
    if error is None:
        return ""
    key, arguments = error.get("key"), error.get("arguments")
    # One that was kept by an earlier version, or whose text has gone since, has English words.
    if key not in keys(language) or not isinstance(arguments, dict):
        return str(error["message"])
    return text(language, str(key), **arguments)


def error_object(error: Mapping[str, object] | None, language: str) -> dict[str, object] | None:
    """Return a kept reason as the protocol's `job.error`. Source: openapi.yaml, FineTuningJob."""
    if error is None:
        return None
    said = {"code": error["code"], "message": words_of(error, language)}
    return {**said, "param": error["param"]}


def language_asked(request: Request) -> str:
    """Return the language of reasons for a call of the protocol: English, or what is asked for."""
    return language_of_header(request.headers.get("accept-language", ""), ENGLISH)


def failure_of(error: Exception) -> Failure:
    """Return the reason of what was raised while a job was worked on."""
    if isinstance(error, BadFile):
        return Failure("invalid_training_file", error.key, _FILE, error.arguments)
    if isinstance(error, Untrainable):
        return Failure(error.code, error.key, error.param, error.arguments)
    if isinstance(error, MemoryError):
        return Failure("out_of_memory", "engine-memory-out")
    if isinstance(error, OSError):
        return _of_disk(error)
    return Failure("server_error", "engine-bug", None, _of_bug(error), is_bug=True)


def words_of_bug(error: Exception) -> str:
    """Return what a caller is told of a bug: enough to find it in the log, and no more."""
    return text(ENGLISH, "engine-bug", **_of_bug(error))


def is_full(error: OSError) -> bool:
    """Return whether the disk refused for want of room."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def _of_bug(error: Exception) -> Mapping[str, object]:
    return {"kind": type(error).__name__}


def _of_disk(error: OSError) -> Failure:
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename or _FILE)).name
        return Failure("file_not_found", "engine-file-gone", _FILE, {"name": name})
    if is_full(error):
        return Failure("disk_full", "engine-disk-full")
    reason = {"reason": error.strerror or type(error).__name__}
    return Failure("disk_error", "engine-disk-refuses", None, reason)
