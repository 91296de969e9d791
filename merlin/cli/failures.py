"""How a command's failure is told, by its kind, and the exit code for it."""

from __future__ import annotations

import errno
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from merlin import __version__
from merlin.cli import language
from merlin.core.clock import iso, utc_now
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.i18n import text
from merlin.core.log import redact

BUG, INTERRUPTED = 3, 130
# Room may be made meanwhile; what else is wrong with a place stays wrong until somebody mends it.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SURROUNDINGS = (
    *_FULL,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
)


def print_failure(problem: BaseException) -> int:
    """Tell what ended a command, on stderr; return the exit code."""
    if isinstance(problem, MerlinError):
        return _say(problem)
    if isinstance(problem, OSError) and problem.filename and problem.errno in _SURROUNDINGS:
        # A place on the disk that cannot be used: no bug, but its owner's.
        arguments = {"path": str(problem.filename), "reason": problem.strerror or str(problem)}
        kind = MerlinError if problem.errno in _FULL else ConfigError
        return _say(kind(str(problem), "cli-no-place", **arguments))
    return INTERRUPTED if isinstance(problem, KeyboardInterrupt) else _report(problem)


def _say(error: MerlinError) -> int:
    try:
        words = sentence(error.key, error.arguments)
    except (KeyError, ValueError):
        words = redact(str(error))
    sys.stderr.write(f"merlin: {words}\n")
    return error.exit_code


def sentence(key: str, arguments: Mapping[str, object]) -> str:
    """Return a text that was found as its key with what fills it, secrets taken out."""
    return redact(text(language(), key, **arguments))


def _report(bug: BaseException) -> int:
    """Write what went wrong to a file that can be sent to the project; tell where it is."""
    story = "".join(traceback.format_exception(bug))
    lines = [
        f"merlin {__version__}, python {platform.python_version()}, {platform.platform()}",
        f"at {iso(utc_now())}",
        f"command: {redact(' '.join(sys.argv[1:]))}",
        redact(story),
    ]
    path = _write_report("\n".join(lines))
    sys.stderr.write(f"merlin: {text(language(), 'cli-bug', path=path)}\n")
    return BUG


def _write_report(report: str) -> str:
    """Write a report where there is a place for it, else to stderr; return where."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%S")
    reports, usual = os.environ.get("MERLIN_REPORTS"), tempfile.gettempdir()
    for folder in (reports or usual, usual):
        path = Path(folder) / f"merlin-bug-{stamp}-{os.getpid()}.txt"
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(report, encoding="utf-8")
            return str(path)
    sys.stderr.write(f"{report}\n")
    return "stderr"
