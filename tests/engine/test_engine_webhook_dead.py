"""An endpoint that accepts a delivery and never responds delays nothing else."""

import pytest

from merlin.engine.webhooks import delivery
from tests.engine.running_engine import serve_engine
from tests.support.http_servers import run_receiver
from tests.support.waiting import wait_until

TYPES = ["fine_tuning.job.succeeded"]


@pytest.mark.functional
def test_silent_endpoint_does_not_delay_other_endpoints(tmp_path, monkeypatch):
    # Longer than the test, also on a slow machine.
    monkeypatch.setattr(delivery, "TIMEOUT_S", 3600.0)
    with run_receiver() as receiver, run_receiver() as dead, serve_engine(tmp_path) as engine:
        dead.is_silent.set()
        for name, server in (("dead", dead), ("living", receiver)):
            engine.openai.webhooks.create(name=name, url=server.url, event_types=TYPES)
        for number in (1, 2):
            engine.train()
            wait_until(lambda number=number: len(receiver.deliveries) >= number)
        wait_until(lambda: dead.deliveries)
        assert len(dead.deliveries) == 1
