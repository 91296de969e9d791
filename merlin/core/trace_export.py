"""Where spans go: to any receiver of OTLP over HTTP; loaded by processes that are told to send.

OpenTelemetry's own variables of the environment count too, as `OTEL_EXPORTER_OTLP_HEADERS` for a
receiver that wants a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from merlin import __version__
from merlin.core.tracing import TRACING, next_ids

# A process that ends waits no longer for a receiver.
_WAIT_S = 2.0


class _Ids(RandomIdGenerator):  # type: ignore[misc]
    """Ids as they follow from a commit, for the span of the commit itself."""

    def generate_trace_id(self) -> int:
        """Return the commit's id, else a random one."""
        given = next_ids.get()
        return given.trace_id if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the commit's id once, else a random one."""
        given = next_ids.get()
        next_ids.set(None)
        return given.span_id if given else super().generate_span_id()


@contextmanager
def send_traces(endpoint: str, process: str) -> Iterator[None]:
    """Send this process's spans meanwhile, from a thread; what is left is sent at the end.

    A receiver that does not answer costs spans and nothing else.
    """
    values = {"service.name": f"merlin-{process}", "service.version": __version__}
    provider = TracerProvider(
        resource=Resource.create(values), id_generator=_Ids(), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(_exporter(endpoint)))
    before, TRACING.tracer = TRACING.tracer, provider.get_tracer("merlin", __version__)
    try:
        yield
    finally:
        TRACING.tracer = before
        provider.shutdown()


def takes_traces(endpoint: str) -> bool:
    """Return whether a receiver takes spans as this machine sends them; it is sent none."""
    return _exporter(endpoint).export([]) is SpanExportResult.SUCCESS


def _exporter(endpoint: str) -> OTLPSpanExporter:
    return OTLPSpanExporter(endpoint, timeout=_WAIT_S)
