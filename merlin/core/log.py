"""Logs to standard error without secrets and control characters: JSON, or lines on a terminal.

Call `set_up_logging` once per process. Code logs with `log = get_logger(__name__)`: the event is a
constant phrase, values are keyword arguments.
"""

import logging
import os
import re
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from structlog.typing import Processor

from merlin.core.formatted_text import escape_controls

# Telegram tokens, OpenAI-like keys, Merlin's own keys, bearer headers, passwords in URLs.
_SECRETS = re.compile(
    r"(?<!\d)\d{6,}:[A-Za-z0-9_-]{30,}"
    r"|\bsk-[A-Za-z0-9_-]{12,}"
    r"|\bmrl_[A-Za-z0-9_-]{12,}"
    r"|(?<=Bearer )[^\s\"']+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
)
_MIN_SECRET_LENGTH = 8
_known_secrets: set[str] = set()


def hide_secrets(values: Iterable[str]) -> None:
    """Redact these secrets (credentials as read at start) in all later log lines."""
    _known_secrets.update(value for value in values if len(value) >= _MIN_SECRET_LENGTH)


def redact(text: str) -> str:
    """Replace everything in `text` that is a known secret or looks like one."""
    for secret in _known_secrets:
        text = text.replace(secret, "[hidden]")
    return _SECRETS.sub("[hidden]", text)


def _redact_event(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> dict[str, Any]:
    return {key: _redact_value(value) for key, value in event.items()}


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        # Logged input commands no terminal; journalctl would hide a line with a byte such as 0x9B.
        return escape_controls(redact(value))
    if isinstance(value, int | float | bool | None):
        return value
    if isinstance(value, dict):
        return {str(key): _redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item) for item in value]
    return _redact_value(str(value))


def _add_process(
    process: str, _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the process name to each event; threads do not inherit context variables."""
    event.setdefault("process", process)
    return event


class _Stderr(logging.Handler):
    """Writes to `sys.stderr` as it is when the line is written, not at set-up."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; ignore a missing or closed standard error."""
        with suppress(AttributeError, ValueError, OSError):
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False  # standard error is missing or closed


def _build_renderers() -> tuple[Processor, list[Processor]]:
    """Return the processor that adds the time, and those that render the event.

    A terminal gets plain lines in local time, everything else JSON in UTC.
    """
    if not _is_terminal():
        timestamper = structlog.processors.TimeStamper(fmt="iso", utc=True)
        return timestamper, [structlog.processors.JSONRenderer(ensure_ascii=False)]
    has_colors = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    console = structlog.dev.ConsoleRenderer(
        # The traceback is text by then, because secrets are redacted first.
        colors=has_colors,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), [console]


# By logger: less severe events of other programs are not written.
_LEAST_LEVELS = {
    # These log whole URLs, and a Telegram URL contains the bot's token.
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpcore2": logging.WARNING,
    "urllib3": logging.WARNING,
    "openai": logging.WARNING,
    "aiohttp": logging.WARNING,
    # It warns when a tick is still running at its next time, which is by design.
    "apscheduler": logging.ERROR,
    # Start-up lines, which say nothing about Merlin.
    "uvicorn": logging.WARNING,
    "uvicorn.error": logging.WARNING,
}


def set_up_logging(
    process: str, level: int = logging.INFO, *, quiet: bool = False
) -> None:
    """Send all log events of this process, including those of libraries, to stderr.

    They are JSON, or readable lines if stderr is a terminal now. `quiet` keeps only errors, for
    commands whose output is meant for people.
    """
    level = logging.ERROR if quiet else level
    timestamper, renderers = _build_renderers()
    shared_processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        partial(_add_process, process),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        timestamper,
    ]
    structlog.configure(
        processors=[
            *shared_processors,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact_event,
                *renderers,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, least in _LEAST_LEVELS.items():
        logging.getLogger(name).setLevel(least)
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """Return False for a request that the end of the process cancelled, which is no bug."""
    kind = record.exc_info[0] if record.exc_info else None
    # By its name: commands do not load asyncio.
    return kind is None or kind.__name__ != "CancelledError"


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
