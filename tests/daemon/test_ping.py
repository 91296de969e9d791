"""The ping to a monitor outside: each minute while every process is well, else silence."""

from __future__ import annotations

import queue
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError
from merlin.core.heartbeat import Heartbeat
from merlin.core.log import redact
from merlin.daemon.main import TickCounts, run_tick
from merlin.daemon.ticks import ticks_of
from tests.support.http_servers import Handler, serve_http
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.functional


@pytest.fixture
def monitor():
    """Serve a monitor that answers each call with `statuses`, 200 when none is left."""

    class Monitor(Handler):
        calls, statuses = queue.SimpleQueue(), queue.SimpleQueue()

        def get(self):
            self.calls.put(self.path)
            self.answer(200 if self.statuses.empty() else self.statuses.get())

    with serve_http(Monitor) as server:
        Monitor.url = f"http://127.0.0.1:{server.server_port}/a-word-that-the-monitor-gave"
        yield Monitor


@pytest.fixture
def pings(lab, monitor, monkeypatch):
    """Yield services, counts, and what runs the daemon's tick `ping` once, as its schedule does."""
    monkeypatch.setenv("MERLIN_PING_URL", monitor.url)
    counts = TickCounts()
    with lab.services() as services:
        tick = next(tick for tick in ticks_of(services, counts) if tick.name == "ping")
        yield services, counts, lambda: run_tick(tick, counts, None)


def well(services, *, but=None):
    """Let every process speak now, all but one, which is given."""
    now = utc_now()
    for name in ("daemon", "bot", "api"):
        beat = Heartbeat(name, "here", 7, now, now)
        services.heartbeats.beat(but if but is not None and but.process == name else beat)


def outcomes(counts):
    """Return how the ticks went, and that their time was taken."""
    assert counts.counts["ping_ms"] >= 0
    return {name: n for name, n in counts.counts.items() if not re.match("ping_(ms|le)", name)}


def test_the_monitor_hears_only_while_every_process_is_well(pings, monitor):
    services, counts, ping = pings
    ping()  # nobody has spoken yet
    well(services)
    ping()
    silent = Heartbeat("bot", "here", 7, utc_now(), utc_now() - timedelta(seconds=11))
    well(services, but=silent)
    ping()
    well(services, but=replace(silent, at=utc_now(), failing={"answer": "ValueError: no"}))
    ping()
    well(services)
    ping()
    assert outcomes(counts) == {"ping_noop": 3, "ping_success": 2}
    assert monitor.calls.qsize() == 2
    assert monitor.url.endswith(monitor.calls.get())


def test_the_monitor_hears_nothing_while_the_disk_of_the_state_is_full(pings, monitor):
    services, counts, ping = pings
    well(services)
    with small_disk(services.config.state_dir, "4m"):
        ping()
    assert outcomes(counts) == {"ping_error": 1}
    assert monitor.calls.empty()


def test_a_monitor_that_fails_disturbs_nothing_and_is_told_once(pings, monitor):
    services, counts, ping = pings
    well(services)
    with capture_logs() as told:
        for status in (500, 500, 404):
            monitor.statuses.put(status)
            ping()
    assert outcomes(counts) == {"ping_error": 3}
    assert len(told) == 2, told
    assert "a-word" not in str(told)
    assert redact(f"calls {monitor.url}") == "calls [hidden]"


@pytest.mark.parametrize(
    "url",
    ["hc-ping.com/word", "file:///etc/passwd", "http://example.com/word", "https://a b/word"],
)
def test_an_address_that_is_none_stops_the_start_and_is_not_told(lab, monkeypatch, url):
    monkeypatch.setenv("MERLIN_PING_URL", url)
    with pytest.raises(ConfigError, match="MERLIN_PING_URL") as caught, lab.services():
        pass
    assert url not in str(caught.value)
