"""Errors as Sentry hears of them; loaded by processes that are told to report.

What goes out is the event's constant phrase and where in the code it happened: files, lines and
types of exceptions. What an exception says, values of variables, requests and what was logged
before are left out: texts, names and keys could stand in each.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from merlin import __version__

_KEPT = ("event_id", "timestamp", "level", "platform", "release", "server_name", "logger", "sdk")

# A process that ends waits no longer for Sentry.
_WAIT_S = 2.0


@contextmanager
def report_errors(dsn: str, process: str) -> Iterator[None]:
    """Report what is logged as an error meanwhile, from a thread; what is left goes at the end.

    Raises ValueError for an address that is none of Sentry's.
    """
    sentry_sdk.init(
        dsn,
        release=f"merlin@{__version__}",
        server_name=process,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR)],
        before_send=_without_texts,
        include_local_variables=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        auto_session_tracking=False,
    )
    try:
        yield
    finally:
        sentry_sdk.flush(_WAIT_S)


def _without_texts(event: Event, hint: Hint) -> Event | None:
    """Return the event with its phrase and its places in the code alone."""
    if event["logger"].startswith("opentelemetry"):  # that nobody takes traces is no error of ours
        return None
    message = hint["log_record"].msg
    kept: dict[str, object] = {key: value for key, value in event.items() if key in _KEPT}
    # Other libraries put values into their lines.
    kept["message"] = (
        message["event"] if isinstance(message, dict) else f"an error of {event['logger']}"
    )
    raised = event.get("exception", {}).get("values", ())
    kept["exception"] = {"values": [{**each, "value": ""} for each in raised]}
    return cast("Event", kept)
