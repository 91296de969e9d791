"""Traces: where the time of an answer, and of a commit on its way to a model, went.

Code opens spans by `open_span`; they go nowhere until `merlin.core.trace_export` sends them. A span
tells ids, counts, kinds and durations, never a text, a name, an address or who somebody is.

The way of a commit takes days, several processes and restarts. Its trace has the first 32
characters of the commit's id, so that whoever does a step of it knows the trace without being told.

Source: OpenTelemetry, "Trace API"; W3C Trace Context; OpenTelemetry semantic conventions of
generative AI (`gen_ai.*`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | bool | float]
_W3C = TraceContextTextMapPropagator()
_NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class Tracing:
    """Who makes the spans of this process.

    Not OpenTelemetry's global one: what libraries tell of their calls may hold texts.
    """

    tracer: trace.Tracer = field(default_factory=trace.NoOpTracer)


TRACING = Tracing()
# The ids of the span that is opened next, where they follow from a commit.
next_ids: ContextVar[SpanContext | None] = ContextVar("next_ids", default=None)


@contextmanager
def open_span(
    name: str,
    attributes: Attributes | None = None,
    *,
    commit: str | None = None,
    context: Context | None = None,
    since: datetime | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Iterator[Span]:
    """Yield a span below the one that is open here; of an exception it tells the type alone.

    `commit` puts it below the whole way of a commit, `context` below what a caller sent. It began
    at `since`, by default now.
    """
    if commit:
        context = trace.set_span_in_context(NonRecordingSpan(_ids_of(commit)), Context())
    with TRACING.tracer.start_as_current_span(
        name,
        context,
        kind,
        attributes,
        start_time=None if since is None else int(since.timestamp() * _NANOSECONDS),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_status(trace.StatusCode.ERROR)
            span.set_attribute("error.type", type(error).__name__)
            raise


@contextmanager
def open_commit_span(commit: str) -> Iterator[Span]:
    """Yield the span that all others of a commit stand below, whoever opens them, and when."""
    token = next_ids.set(_ids_of(commit))
    try:
        with open_span("commit", {"vcs.ref.head.revision": commit}, context=Context()) as span:
            yield span
    finally:
        next_ids.reset(token)


def _ids_of(commit: str) -> SpanContext:
    """Return the ids of a commit's first span; `commit` is 40 or more hexadecimal digits."""
    trace_id, span_id = int(commit[:32], 16), int(commit[-16:], 16)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1))  # sampled


def trace_headers() -> dict[str, str]:
    """Return what tells a server below which span it works, nothing where none is open."""
    headers: dict[str, str] = {}
    _W3C.inject(headers)
    return headers


def caller_context(headers: Mapping[str, str]) -> Context:
    """Return below which span a caller wants the work for it to stand."""
    return _W3C.extract(headers, Context())
