"""Logs: lines on standard error, with secrets taken out: JSON, or readable on a terminal.

`set_up_logging` is called once a process. Code logs by `log = get_logger(__name__)`: the event is a
constant phrase, values are keywords.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

from merlin.core.optional_imports import without_modules

# Only for its pretty traces and for threads of another kind, which are not used.
with without_modules("rich", "greenlet"):
    import structlog
    from structlog.typing import Processor

# Telegram tokens, OpenAI-like keys, our own keys, bearer headers, passwords in addresses.
_SECRETS = re.compile(
    r"\d{6,}:[A-Za-z0-9_-]{30,}"
    r"|\bsk-[A-Za-z0-9_-]{12,}"
    r"|\bmrl_[A-Za-z0-9_-]{12,}"
    r"|(?<=Bearer )[^\s\"']+"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)
# All but a tab and the line feeds of a trace.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MIN_SECRET_LENGTH = 8
_known: set[str] = set()


def hide_secrets(values: Iterable[str]) -> None:
    """Take these secrets (credentials as read at start) out of every later log line."""
    _known.update(value for value in values if len(value) >= _MIN_SECRET_LENGTH)


def redact(text: str) -> str:
    """Return `text` with everything that looks like, or is known as, a secret replaced."""
    for secret in _known:
        text = text.replace(secret, "[hidden]")
    return _SECRETS.sub("[hidden]", text)


def _redacted(_logger: object, _name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {key: _clean(value) for key, value in event.items()}


def _clean(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, int | float | bool | None):
        return value
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return redact(str(value))


def _named(
    process: str, _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Write the process into each line; threads have no context of their own."""
    event.setdefault("process", process)
    return event


class _Stderr(logging.Handler):
    """Writes to what standard error is at the time of writing, not at the time of set-up."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a closed standard error takes none."""
        with suppress(ValueError, OSError):
            sys.stderr.write(self.format(record) + "\n")


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False  # no standard error at all, or a closed one


def _printable(
    _logger: object, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take control characters out: what others sent must not steer the reader's terminal."""
    return {
        key: _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _rendering() -> tuple[Processor, list[Processor]]:
    """Return what stamps a line with its time, and what writes it out.

    A person at a terminal reads plain lines in local time; services and files get JSON in UTC.
    """
    if not _is_terminal():
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        return stamp, [structlog.processors.JSONRenderer(ensure_ascii=False)]
    has_colors = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    console = structlog.dev.ConsoleRenderer(
        # The trace is text by then: secrets are taken out of it first.
        colors=has_colors,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), [_printable, console]


def _with_exception(
    logger: logging.Logger, name: str, event: MutableMapping[str, Any]
) -> tuple[tuple[MutableMapping[str, Any]], dict[str, Any]]:
    """Hand a line on to `logging` with its exception, which reports of errors are made of."""
    line, given = structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, name, event)
    return line, {**given, "exc_info": event.get("exc_info")}


def set_up_logging(process: str, level: int = logging.INFO, *, quiet: bool = False) -> None:
    """Send every log line of this process, our own and libraries', to stderr.

    They are JSON, or readable lines where stderr is a terminal at this moment. `quiet` leaves
    only errors: for commands whose output is a story.
    """
    level = logging.ERROR if quiet else level
    stamp, render = _rendering()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        partial(_named, process),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        stamp,
    ]
    structlog.configure(
        processors=[*shared, _with_exception],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redacted,
                *render,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # These write whole addresses, and a Telegram address holds the bot's token.
    for name in ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "openai", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A tick that still runs when its next time comes is by design: it is not run twice.
    # Nor is each new try to reach a receiver of traces news.
    for name in ("apscheduler", "opentelemetry"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Start lines and dictionary versions, which say nothing of what Merlin does.
    for name in ("uvicorn", "uvicorn.error", "pymorphy3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
