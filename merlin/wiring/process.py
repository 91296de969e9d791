"""Set-up common to all processes: logging, signs of life, traces, error reports."""

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from merlin.config import Config, credential
from merlin.config.settings import SENTRY_DSN
from merlin.core.errors import ConfigError
from merlin.core.log import set_up_logging
from merlin.core.probe import LIFE_SIGNS


@contextmanager
def observe_process(config: Config, process: str) -> Iterator[None]:
    """Set up logging and signs of life, and configured traces and error reports.

    Raises ConfigError for a bad DSN.
    """
    # What answers under way hold is no garbage: looking for it after every 700 new objects would
    # take 15 % of the bot's time.
    gc.freeze()
    gc.set_threshold(50_000)
    set_up_logging(process)
    os.environ["PGAPPNAME"] = f"merlin-{process}"  # in pg_stat_activity
    dsn = credential(SENTRY_DSN, is_needed=False)
    with ExitStack() as stack:
        stack.enter_context(LIFE_SIGNS.shown(config.state_dir, process))
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
