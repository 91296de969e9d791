"""Export of spans over OTLP/HTTP; imported only by processes configured to send them.

OpenTelemetry's environment variables apply, such as `OTEL_EXPORTER_OTLP_HEADERS` for a collector
that requires a key.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from merlin import __version__
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Failures
from merlin.core.tracing import next_ids, use_tracer

# How long a process that exits waits for the collector.
_TIMEOUT_S = 2.0


class _CommitIds(RandomIdGenerator):  # type: ignore[misc]
    """Uses the ids derived from a commit for the commit's own span."""

    def generate_trace_id(self) -> int:
        """Return the trace id derived from the commit, else a random one."""
        commit_ids = next_ids.get()
        return commit_ids.trace_id if commit_ids else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Return the span id derived from the commit once, else a random one."""
        commit_ids = next_ids.get()
        next_ids.set(None)
        return commit_ids.span_id if commit_ids else super().generate_span_id()


class TraceExporter(OTLPSpanExporter):  # type: ignore[misc]
    """Logs once that the collector is away, and once that it is back.

    OpenTelemetry's own line for each batch, every five seconds, is off (`set_up_logging`).
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, timeout=_TIMEOUT_S)
        self._refusals = Failures()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans as OpenTelemetry does."""
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self._refusals.end()
        else:
            self._refusals.add("traces are lost", MerlinError("tracing.endpoint takes none"))
        return result


@contextmanager
def send_traces(endpoint: str, process: str) -> Iterator[None]:
    """Send this process's spans from a thread, and flush them at the end of the block.

    A collector that does not respond costs spans and nothing else.
    """
    attributes = {"service.name": f"merlin-{process}", "service.version": __version__}
    provider = TracerProvider(
        resource=Resource.create(attributes), id_generator=_CommitIds(), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(TraceExporter(endpoint)))
    try:
        with use_tracer(provider.get_tracer("merlin", __version__)):
            yield
    finally:
        provider.shutdown()


def accepts_traces(endpoint: str) -> bool:
    """Return whether a collector accepts an empty export from this machine."""
    return TraceExporter(endpoint).export([]) is SpanExportResult.SUCCESS
