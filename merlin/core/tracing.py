"""Traces of answers, and of commits on their way to a model.

Code opens spans with `open_span`; they are discarded unless `merlin.core.trace_export` sends them.
A span contains ids, counts, kinds and durations, never a text, a name, an address or a person's
identity.

A commit's way takes days, several processes and restarts. Its trace id is the first 32 characters
of the commit's id, so that every process knows it without communication.

Source: OpenTelemetry, "Trace API"; W3C Trace Context; OpenTelemetry semantic conventions of
generative AI (`gen_ai.*`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | bool | float]
_W3C = TraceContextTextMapPropagator()
_NANOSECONDS = 1_000_000_000

# The tracer of this process. Not OpenTelemetry's global one: the spans of libraries may contain
# texts.
_tracer: trace.Tracer = trace.NoOpTracer()
# The ids of the next span, if they are derived from a commit.
next_ids: ContextVar[SpanContext | None] = ContextVar("next_ids", default=None)


@contextmanager
def use_tracer(tracer: trace.Tracer) -> Iterator[None]:
    """Send the spans of the block to this tracer."""
    global _tracer  # noqa: PLW0603 - one tracer for all threads
    previous, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = previous


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
    """Yield a child of the current span; of an exception it records the type only.

    `commit` makes it a child of that commit's root span, `context` of the caller's span. It starts
    at `since`, by default now.
    """
    if commit:
        context = trace.set_span_in_context(NonRecordingSpan(_commit_span_ids(commit)), Context())
    with _tracer.start_as_current_span(
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
    """Yield the root span of a commit, the parent of its spans in all processes."""
    token = next_ids.set(_commit_span_ids(commit))
    try:
        with open_span("commit", {"vcs.ref.head.revision": commit}, context=Context()) as span:
            yield span
    finally:
        next_ids.reset(token)


def _commit_span_ids(commit: str) -> SpanContext:
    """Return the ids of a commit's root span; `commit` is 40 or more hexadecimal digits."""
    trace_id, span_id = int(commit[:32], 16), int(commit[-16:], 16)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1))  # sampled


def trace_headers() -> dict[str, str]:
    """Return the headers that pass the current span to a server; empty without one."""
    headers: dict[str, str] = {}
    _W3C.inject(headers)
    return headers


def caller_context(headers: Mapping[str, str]) -> Context:
    """Return the trace context that a caller sent in its headers."""
    return _W3C.extract(headers, Context())
