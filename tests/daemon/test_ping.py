"""The ping to an external monitor: every minute while all processes are healthy, otherwise none."""

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
    """Serve a monitor that answers each call with the next of `statuses`, then with 200."""

    class Monitor(Handler):
        calls = queue.SimpleQueue()
        statuses = queue.SimpleQueue()

        def get(self):
            self.calls.put(self.path)
            self.answer(200 if self.statuses.empty() else self.statuses.get())

    with serve_http(Monitor) as server:
        Monitor.url = (
            f"http://127.0.0.1:{server.server_port}/a-word-that-the-monitor-gave"
        )
        yield Monitor


@pytest.fixture
def pings(lab, monitor, monkeypatch):
    """Yield services, counts, and a function that runs the daemon's tick `ping` once."""
    monkeypatch.setenv("MERLIN_PING_URL", monitor.url)
    counts = TickCounts()
    with lab.services() as services:
        tick = next(tick for tick in ticks_of(services, counts) if tick.name == "ping")
        yield services, counts, lambda: run_tick(tick, counts, None)


def write_heartbeats(services, *, except_for=None):
    """Write a heartbeat of every process, except one."""
    now = utc_now()
    for name in ("daemon", "bot", "api"):
        beat = Heartbeat(name, "here", 7, now, now)
        services.heartbeats.beat(
            except_for
            if except_for is not None and except_for.process == name
            else beat
        )


def read_outcomes(counts):
    """Return the tick results, after checking that durations were recorded."""
    assert counts.counts["ping_ms"] >= 0
    return {
        name: n
        for name, n in counts.counts.items()
        if not re.match("ping_(ms|le)", name)
    }


def test_ping_is_sent_only_while_every_process_is_healthy(pings, monitor):
    services, counts, ping = pings
    ping()  # no heartbeat yet
    write_heartbeats(services)
    ping()
    silent = Heartbeat("bot", "here", 7, utc_now(), utc_now() - timedelta(seconds=11))
    write_heartbeats(services, except_for=silent)
    ping()
    write_heartbeats(
        services,
        except_for=replace(silent, at=utc_now(), failing={"answer": "ValueError: no"}),
    )
    ping()
    write_heartbeats(services)
    ping()
    assert read_outcomes(counts) == {"ping_noop": 3, "ping_success": 2}
    assert monitor.calls.qsize() == 2
    assert monitor.url.endswith(monitor.calls.get())


def test_ping_is_not_sent_while_the_disk_of_the_state_is_full(pings, monitor):
    services, counts, ping = pings
    write_heartbeats(services)
    with small_disk(services.config.state_dir, "4m"):
        ping()
    assert read_outcomes(counts) == {"ping_error": 1}
    assert monitor.calls.empty()


def test_failing_monitor_disturbs_nothing_and_each_failure_is_logged_once(
    pings, monitor
):
    services, counts, ping = pings
    write_heartbeats(services)
    with capture_logs() as events:
        for status in (500, 500, 404):
            monitor.statuses.put(status)
            ping()
    assert read_outcomes(counts) == {"ping_error": 3}
    assert len(events) == 2, events
    assert "a-word" not in str(events)
    assert redact(f"calls {monitor.url}") == "calls [hidden]"


@pytest.mark.parametrize(
    "url",
    [
        "hc-ping.com/word",
        "file:///etc/passwd",
        "http://example.com/word",
        "https://a b/word",
    ],
)
def test_invalid_url_stops_startup_without_being_shown(lab, monkeypatch, url):
    monkeypatch.setenv("MERLIN_PING_URL", url)
    with pytest.raises(ConfigError, match="MERLIN_PING_URL") as caught, lab.services():
        pass
    assert url not in str(caught.value)
