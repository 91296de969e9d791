"""How a failed command is reported, and its exit code."""

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
from merlin.cli import discard_output, language
from merlin.cli.commands import INTERRUPTED
from merlin.core.clock import iso, utc_now
from merlin.core.durable_files import is_disk_full
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.formatted_text import escape_controls
from merlin.core.i18n import command_text, text
from merlin.core.log import redact

BUG = 3
# A full disk is an expected failure (exit code 1), as space may become free; these errors last
# until somebody corrects the path (2).
_PATH_ERRORS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
)


def print_failure(problem: BaseException) -> int:
    """Print on stderr why a command failed, and return the exit code."""
    if isinstance(problem, MerlinError):
        return _print_error(problem)
    if isinstance(problem, OSError) and (error := path_error(problem)) is not None:
        return _print_error(error)
    if isinstance(problem, OSError) and is_disk_full(problem):
        discard_output()  # whose flush at exit would fail again
        return _print_error(MerlinError(str(problem), "cli-disk-full"))
    if (
        isinstance(problem, UnicodeEncodeError)
        and problem.reason == "surrogates not allowed"
    ):
        return _print_error(
            ConfigError(str(problem), "cli-no-utf8", text=problem.object)
        )
    return (
        INTERRUPTED if isinstance(problem, KeyboardInterrupt) else _report_bug(problem)
    )


def path_error(problem: OSError) -> MerlinError | None:
    """Return the error of a path that cannot be used, None if the problem is of another kind."""
    if problem.errno == errno.ENOENT and not problem.filename:
        return ConfigError(str(problem), "cli-no-current-folder")
    is_full = is_disk_full(problem)
    if not problem.filename or not (is_full or problem.errno in _PATH_ERRORS):
        return None
    arguments = {
        "path": str(problem.filename),
        "reason": problem.strerror or str(problem),
    }
    kind = MerlinError if is_full else ConfigError
    return kind(str(problem), "cli-no-place", **arguments)


def _print_error(error: MerlinError) -> int:
    message = error_text(error.key, error.arguments)
    sys.stderr.write(f"merlin: {escape_controls(message)}\n")
    return error.exit_code


def error_text(key: str, arguments: Mapping[str, object]) -> str:
    """Return the text of an error, in English if it has none, secrets redacted."""
    try:
        return redact(command_text(language(), key, **arguments))
    except (KeyError, ValueError):
        return redact(str(arguments.get("message", key)))


def _report_bug(bug: BaseException) -> int:
    """Write a bug report that the user can send, print its path, and return the exit code."""
    details = "".join(traceback.format_exception(bug))
    lines = [
        f"merlin {__version__}, python {platform.python_version()}, {platform.platform()}",
        f"at {iso(utc_now())}",
        f"command: {redact(' '.join(sys.argv[1:]))}",
        redact(details),
    ]
    path = _write_report("\n".join(lines))
    sys.stderr.write(f"merlin: {text(language(), 'cli-bug', path=path)}\n")
    return BUG


def _write_report(report: str) -> str:
    """Write a report to a file, or to stderr if that fails; return the path or "stderr"."""
    prefix = f"merlin-bug-{utc_now():%Y%m%dT%H%M%S}-"
    default = tempfile.gettempdir()
    for folder in (os.environ.get("MERLIN_REPORTS") or default, default):
        with suppress(OSError):
            Path(folder).mkdir(parents=True, exist_ok=True)
            # A new file that only its owner may read: a traceback can contain people's texts.
            descriptor, path = tempfile.mkstemp(".txt", prefix, folder)
            with os.fdopen(
                descriptor, "w", encoding="utf-8", errors="backslashreplace"
            ) as file:
                file.write(report)
            return path
    sys.stderr.write(f"{report}\n")
    return "stderr"
