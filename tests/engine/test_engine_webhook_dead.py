"""An endpoint that takes what it is told and never answers is in nobody's way."""

from __future__ import annotations

import pytest

from merlin.engine.webhooks import delivery
from tests.engine.running_engine import engine_in_thread
from tests.support.http_servers import receiving
from tests.support.waiting import wait_until

TYPES = ["fine_tuning.job.succeeded"]


@pytest.mark.functional
def test_a_dead_endpoint_holds_up_nobody(tmp_path, monkeypatch):
    # It is not given up while the test goes on, however slow a machine is.
    monkeypatch.setattr(delivery, "TIMEOUT_S", 3600.0)
    with receiving() as ear, receiving() as dead, engine_in_thread(tmp_path) as desk:
        dead.is_silent.set()
        for name, each in (("dead", dead), ("living", ear)):
            desk.client.webhooks.create(name=name, url=each.url, event_types=TYPES)
        for number in (1, 2):
            desk.train()
            wait_until(lambda number=number: len(ear.told) >= number)
        wait_until(lambda: dead.told)
        assert len(dead.told) == 1
