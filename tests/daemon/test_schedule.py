"""The schedule under faults: long outages, unreachable databases."""

import itertools
import queue
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from merlin.cli.health import health_error
from merlin.config.settings import ENGINE_KEY
from merlin.core.errors import SourceError
from merlin.core.heartbeat import PERSISTENT_FAILURES
from merlin.core.i18n import LANGUAGES, text
from merlin.daemon.main import Tick, TickCounts, event_on_signal, run
from merlin.daemon.ticks import ticks_of
from merlin.db.driver_errors import DatabaseAway
from merlin.db.notices import Notices
from tests.support.ending import wait_for_end
from tests.support.forked_processes import set_up_process, start_function, wait_for_exit
from tests.support.http_servers import Handler, serve_http
from tests.support.migrated_databases import only_sqlite
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@contextmanager
def run_schedule(*ticks, watch):
    """Run the schedule with these ticks in a thread."""
    stop = threading.Event()
    running = threading.Thread(
        target=run, args=(ticks, TickCounts(), lambda: None, stop, watch)
    )
    running.start()
    try:
        yield
    finally:
        stop.set()
        wait_for_end(running)


def raise_signal_while_waiting(_argument, _environment, _log):
    stop = event_on_signal()
    with stop._cond:  # the lock that `wait` holds for a moment
        signal.raise_signal(signal.SIGTERM)
    sys.exit(0 if stop.wait(longest()) else 1)


def test_signal_in_the_moment_when_the_daemon_begins_to_wait_ends_it(tmp_path):
    process = start_function(raise_signal_while_waiting, None, tmp_path / "log", {})
    assert wait_for_exit(process) == 0


def run_where_another_thread_takes_the_signal(ready, environment, log):
    set_up_process(environment, log)
    threading.Thread(
        target=threading.Event().wait, args=(2 * longest(),), daemon=True
    ).start()
    # That thread only, and none that is started from now on.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    run([Tick("quiet", lambda: False, 3600)], TickCounts(), ready.touch)


def test_signal_that_another_thread_takes_ends_the_daemon(tmp_path):
    ready = tmp_path / "ready"
    log = tmp_path / "log"
    process = start_function(run_where_another_thread_takes_the_signal, ready, log, {})
    wait_until(ready.exists, describe=log.read_text)
    process.terminate()
    assert wait_for_end(process) == 0


def test_requested_ticks_run_at_once():
    runs = queue.SimpleQueue()
    asks = queue.SimpleQueue()

    @contextmanager
    def watch(ask):
        asks.put(ask)
        yield

    hour_s = 3600
    ticks = [
        Tick("serve", lambda: runs.put("serve") or False, hour_s, is_asked=True),
        Tick("watch", lambda: runs.put("watch") or False, hour_s),
    ]
    with run_schedule(*ticks, watch=watch):
        # Each tick runs once when the daemon starts.
        assert {runs.get(timeout=longest()) for _ in ticks} == {"serve", "watch"}
        ask = asks.get(timeout=longest())
        for _ in range(3):
            ask()
            assert runs.get(timeout=longest()) == "serve"


def test_tick_with_work_in_progress_runs_again_before_its_period():
    runs = queue.SimpleQueue()
    tick = Tick(
        "poll", lambda: runs.put(1) or False, period_s=3600, again_s=lambda: 0.01
    )
    with run_schedule(tick, watch=nullcontext):
        for _ in range(3):
            runs.get(timeout=longest())


def test_repeated_bug_in_a_tick_is_notified_once_and_makes_the_daemon_unhealthy(
    lab, waiting_notices
):
    tally = TickCounts()
    stop = threading.Event()
    failures = itertools.count(1)
    is_mended = threading.Event()

    def fails():
        if not is_mended.is_set():
            raise ValueError(f"no number: {min(next(failures), PERSISTENT_FAILURES)}")
        return False

    def is_away():
        raise SourceError("the repository is away")

    with lab.services() as services:
        beat = next(tick for tick in ticks_of(services, tally) if tick.name == "beat")
        ticks = [
            Tick("fetch", fails, 0.05),
            Tick("promote", is_away, 0.05),
            replace(beat, period_s=0.05),
        ]
        daemon = threading.Thread(target=run, args=(ticks, tally, lambda: None, stop))
        daemon.start()
        try:
            wait_until(
                lambda: tally.counts.get("fetch_error", 0) > 2 * PERSISTENT_FAILURES
            )
            ill = wait_until(lambda: health_error(lab.config, "daemon"))
            assert (
                dict(ill.arguments).items()
                >= {
                    "step": "fetch",
                    "reason": f"ValueError: no number: {PERSISTENT_FAILURES}",
                }.items()
            )
            is_mended.set()
            wait_until(lambda: health_error(lab.config, "daemon") is None)
        finally:
            stop.set()
            wait_for_end(daemon)
        waiting = Notices(services.db).list_waiting(100)
    assert [notice.key for notice in waiting] == ["notice-failing"]
    assert waiting[0].arguments == {
        "process": "daemon",
        "step": "fetch",
        "reason": f"ValueError: no number: {PERSISTENT_FAILURES}",
    }
    assert all(text(language, ill.key, **ill.arguments) for language in LANGUAGES)
    assert all(
        text(language, "notice-failing", **waiting_notices()["notice-failing"])
        for language in LANGUAGES
    )


@only_sqlite
def test_daemon_without_its_database_reports_that_it_is_alive(lab):
    messages = []
    with lab.services() as services:
        recorded_services = replace(
            services, still_alive=lambda: messages.append("alive")
        )
        beat = next(
            tick
            for tick in ticks_of(recorded_services, TickCounts())
            if tick.name == "beat"
        )
        database = lab.config.state_dir / "merlin.db"
        services.db.close()
        database.rename(database.with_name("away"))
        with pytest.raises(DatabaseAway):
            beat.run()
    assert messages == ["alive"]


def test_heartbeat_of_an_engine_is_written_only_when_it_answers(lab):
    class Engine(Handler):
        def get(self):
            self.answer(status[0] if self.path == "/healthz" else 404)

    status = [200]
    with lab.services() as services, serve_http(Engine) as engine:
        (provider,) = services.config.providers
        engine_config = {
            "base_url": f"{engine.url}/v1",
            "credential": ENGINE_KEY,
        }
        config = services.config.model_copy(
            update={"providers": [provider.model_copy(update=engine_config)]}
        )
        configured = replace(services, config=config)
        tick = next(
            tick for tick in ticks_of(configured, TickCounts()) if tick.name == "engine"
        )
        tick.run()
        (beat,) = [
            heartbeat
            for heartbeat in services.heartbeats.list_all()
            if heartbeat.process == "engine"
        ]
        assert (beat.host, beat.is_alive(services.clock())) == ("127.0.0.1", True)
        status[0] = 503
        tick.run()
        assert [
            heartbeat.at
            for heartbeat in services.heartbeats.list_all()
            if heartbeat.process == "engine"
        ] == [beat.at]
        assert "engine" not in {tick.name for tick in ticks_of(services, TickCounts())}
