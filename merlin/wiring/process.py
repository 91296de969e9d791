"""Set-up common to all processes: logging, traces, error reports."""

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from merlin.config import Config, credential
from merlin.config.settings import SENTRY_DSN
from merlin.core.errors import ConfigError
from merlin.core.log import set_up_logging

_M_ARENA_MAX = -8  # of glibc's malloc.h


def allocate_from_one_heap() -> None:
    """Let the threads of this process share one heap; call it before they start.

    By default glibc gives every thread its own, each of which keeps what it once used.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


@contextmanager
def observe_process(config: Config, process: str) -> Iterator[None]:
    """Set up logging, and configured traces and error reports. Raises ConfigError for a bad DSN."""
    set_up_logging(process)
    dsn = credential(SENTRY_DSN, is_needed=False)
    with ExitStack() as stack:
        if config.tracing is not None:
            from merlin.core.trace_export import send_traces

            stack.enter_context(send_traces(config.tracing.endpoint, process))
        if dsn:
            from merlin.core.error_reports import report_errors

            try:
                stack.enter_context(report_errors(dsn, process))
            except ValueError as error:
                raise ConfigError(f"{SENTRY_DSN} is no DSN", "config-no-dsn") from error
        yield
