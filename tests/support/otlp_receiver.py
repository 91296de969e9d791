"""What a receiver of OTLP over HTTP got: the spans, and the tree that they make."""

from __future__ import annotations

from contextlib import contextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from merlin.core.trace_export import send_traces
from tests.support.http_servers import receiving


class Spans(list):
    """Spans as they came; `bodies` are what came, to be searched for what may not be there."""

    bodies = b""

    def named(self, name):
        """Return the spans of a name, in the order of their begin."""
        found = [span for span in self if span.name == name]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def path(self, span):
        """Return the names from the first span of a trace down to this one."""
        (above,) = [each for each in self if each.span_id == span.parent_span_id] or [None]
        return (*self.path(above), span.name) if above else (span.name,)


@contextmanager
def received(process="bot"):
    """Give the list that all spans made meanwhile stand in, once the block has ended."""
    spans = Spans()
    with receiving() as receiver, send_traces(receiver.url, process):
        yield spans
    spans.bodies = b"".join(each.body for each in receiver.told)
    for body in (each.body for each in receiver.told):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans += [span for scope in resource.scope_spans for span in scope.spans]


def attributes(span):
    """Return what a span tells, by name."""
    values = {attribute.key: attribute.value for attribute in span.attributes}
    return {key: getattr(value, value.WhichOneof("value")) for key, value in values.items()}
