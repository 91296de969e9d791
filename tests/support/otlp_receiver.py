"""Collects the spans sent by OTLP over HTTP, and the tree they form."""

from contextlib import contextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from merlin.core.trace_export import send_traces
from tests.support.http_servers import run_receiver


class ReceivedSpans(list):
    """Received spans; `bodies` are the raw requests, searched for text that must not be there."""

    bodies = b""

    def named(self, name):
        """Return the spans with a name, ordered by start."""
        spans = [span for span in self if span.name == name]
        return sorted(spans, key=lambda span: span.start_time_unix_nano)

    def path(self, span):
        """Return the names from the root span of a trace down to this one."""
        (parent,) = [other for other in self if other.span_id == span.parent_span_id] or [None]
        return (*self.path(parent), span.name) if parent else (span.name,)


@contextmanager
def collect_spans(process="bot"):
    """Yield a list that holds all spans sent during the block, once it has ended."""
    spans = ReceivedSpans()
    with run_receiver() as receiver, send_traces(receiver.url, process):
        yield spans
    spans.bodies = b"".join(delivery.body for delivery in receiver.deliveries)
    for body in (delivery.body for delivery in receiver.deliveries):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans += [span for scope in resource.scope_spans for span in scope.spans]


def span_attributes(span):
    """Return the attributes of a span by name."""
    values = {attribute.key: attribute.value for attribute in span.attributes}
    return {key: getattr(value, value.WhichOneof("value")) for key, value in values.items()}
