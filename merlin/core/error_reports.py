"""Error reports to Sentry; imported only by processes configured to send them.

Sent are the event's constant phrase and where in the code it happened: files, lines and exception
types. Exception messages, values of variables, requests and earlier log lines are left out: any of
them could contain texts, names or keys.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from merlin import __version__

_FIELDS = ("event_id", "timestamp", "level", "platform", "release", "server_name", "logger", "sdk")

# How long a process that exits waits for Sentry.
_FLUSH_S = 2.0


@contextmanager
def report_errors(dsn: str, process: str) -> Iterator[None]:
    """Send errors logged inside the block to Sentry from a thread, and flush at its end.

    Raises ValueError if `dsn` is not a Sentry DSN.
    """
    sentry_sdk.init(
        dsn,
        release=f"merlin@{__version__}",
        server_name=process,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        before_send=_remove_texts,
        include_local_variables=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        auto_session_tracking=False,
    )
    try:
        yield
    finally:
        sentry_sdk.flush(_FLUSH_S)


def _remove_texts(event: Event, hint: Hint) -> Event | None:
    """Return the event reduced to its phrase and stack trace."""
    if event["logger"].startswith("opentelemetry"):  # failing to export traces is not our error
        return None
    message = hint["log_record"].msg
    reduced: dict[str, object] = {key: value for key, value in event.items() if key in _FIELDS}
    # Messages of other libraries may contain values.
    reduced["message"] = (
        message["event"] if isinstance(message, dict) else f"an error of {event['logger']}"
    )
    exceptions = event.get("exception", {}).get("values", ())
    reduced["exception"] = {"values": [{**exception, "value": ""} for exception in exceptions]}
    return cast("Event", reduced)
