"""What a process logs about the receiver of its traces."""

import logging

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from structlog.testing import capture_logs

from merlin.core.log import set_up_logging
from merlin.core.trace_export import TraceExporter
from tests.support.http_servers import Handler, serve_http

pytestmark = pytest.mark.functional


def test_absent_receiver_is_logged_once_and_its_return_once():
    statuses = [400, 400, 400, 200, 200]

    class Receiver(Handler):
        def post(self):
            self.body()
            self.answer(statuses.pop(0), b"")

    set_up_logging("bot")
    with serve_http(Receiver) as server, capture_logs() as logged:
        exporter = TraceExporter(f"{server.url}/v1/traces")
        results = [exporter.export([]) for _ in range(5)]
    assert results == [SpanExportResult.FAILURE] * 3 + [SpanExportResult.SUCCESS] * 2
    assert [entry["event"] for entry in logged] == ["traces are lost", "this failure is over"]
    library = logging.getLogger(OTLPSpanExporter.__module__)
    assert not library.isEnabledFor(logging.ERROR)
