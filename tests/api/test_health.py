"""/healthz, /readyz and /metrics over real HTTP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from merlin.core.heartbeat import Heartbeat
from merlin.db.backup import note_backup
from merlin.db.processes import Heartbeats
from merlin.db.requests import RequestKind, Requests
from merlin.db.tables import HEARTBEAT
from tests.api.chat_api import Conversation
from tests.api.running_api import NOT_LIMITED, check_problem, run_api
from tests.support.metrics_page import metric_value
from tests.support.serving_models import insert_live_model
from tests.support.small_disk import fill_disk, small_disk
from tests.support.waiting import wait_until

functional = pytest.mark.functional

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def one_site(tmp_path_factory):
    with run_api(tmp_path_factory.mktemp("watched")) as site:
        # The API sends its own heartbeat too, on its own clock.
        site.app.state.services = replace(site.services, clock=lambda: NOW)
        yield site


@pytest.fixture
def watched(one_site):
    """An API with no heartbeat of any other process."""
    one_site.db.change(HEARTBEAT.delete())
    return one_site


def store_heartbeat(site, process="daemon", age_s=1.0, host="one", **counters):
    """Store a heartbeat of a process that is `age_s` old."""
    at = NOW - timedelta(seconds=age_s)
    began = NOW - timedelta(hours=1)
    Heartbeats(site.db).beat(Heartbeat(process, host, 7, began, at, "poll", counters))


@functional
def test_metrics_are_read_from_the_database(watched):
    counters = {"fetch_success": 3, "fetch_error": 1, "fetch_ms": 2500}
    store_heartbeat(watched, chat_429=2, waiting=9, **counters)
    Requests(watched.db).ask(RequestKind.FETCH, {}, "cli:test")
    never = watched.client.get("/metrics").text
    assert metric_value(never, "merlin_last_backup_seconds") == 0
    note_backup(watched.services.config.state_dir, NOW)
    insert_live_model(watched.db, 'ft:"a"\\b', number=7, dataset="neuro")
    page = watched.client.get("/metrics").text
    process = {"process": "daemon", "host": "one"}
    fetched = {**process, "task": "fetch"}
    serves = {"dataset": "neuro", "model": 'ft:"a"\\b', "build": "neuro-7"}
    for value, name, labels in (
        (1, "process_up", process),
        (3, "task_rounds_total", {**fetched, "status": "success"}),
        (2.5, "task_seconds_total", fetched),
        (2, "too_many_requests_total", {**process, "by": "chat"}),
        (9, "daemon_waiting", process),
        (1, "queue_depth", {"queue": "requests"}),
        (1, "jobs", {"state": "succeeded"}),
        (0, "jobs", {"state": "failed"}),
        (1, "serving_model", serves),
        (NOW.timestamp(), "last_backup_seconds", {}),
    ):
        assert metric_value(page, f"merlin_{name}", **labels) == value, name
    record = watched.services.config.state_dir / "run/backup"
    record.unlink()
    record.mkdir()  # cannot be read
    unreadable = watched.client.get("/metrics")
    assert unreadable.status_code == 200
    assert "merlin_last_backup" not in unreadable.text
    record.rmdir()


# What is counted of an answer: tests/app/test_answer_counts.py.
@functional
def test_answers_are_counted_from_the_first_call_on(watched):
    watched.client.get("/metrics")
    Conversation(watched).add_turn(1)
    page = watched.client.get("/metrics").text
    labels = {"provider": "chat", "model": "stand-in-base"}
    for count, name, more in (
        (1, "answers_total", {"outcome": "answered"}),
        (10, "answer_tokens_total", {"kind": "input"}),
        (0, "first_token_seconds_bucket", {"le": "0.2"}),  # it came after 0.3 s
        (1, "first_token_seconds_bucket", {"le": "0.5"}),
    ):
        assert metric_value(page, f"merlin_{name}", **labels, **more) == count, name


@functional
def test_metrics_show_a_dead_process_as_down_without_its_counters(watched):
    def read_up(process):
        up = {"process": process, "host": "one"}
        return metric_value(
            watched.client.get("/metrics").text, "merlin_process_up", **up
        )

    store_heartbeat(watched, age_s=60, fetch_success=3)
    assert read_up("daemon") == 0
    assert "merlin_task_rounds_total" not in watched.client.get("/metrics").text
    # Without a daemon nobody knows of the engine.
    store_heartbeat(watched, "engine", age_s=60)
    assert read_up("engine") is None
    store_heartbeat(watched)
    assert read_up("engine") == 0


@pytest.mark.integration
def test_probes_and_metrics_report_an_unreachable_database(tmp_path, postgresql):
    url = postgresql.create()
    with run_api(tmp_path, url) as site:
        with postgresql.stopped():
            assert site.client.get("/healthz").json() == {"status": "ok"}
            response = site.client.get("/readyz")
            assert (response.status_code, response.json()["ready"]) == (503, False)
            assert "postgres@" not in response.text
            page = site.client.get("/metrics")
            assert page.status_code == 200
            assert metric_value(page.text, "merlin_database_up") == 0
        wait_until(lambda: site.client.get("/readyz").status_code == 200)


def probe(site):
    """Return the status of each probe, and whether a page can still be read."""
    response = site.client.get("/readyz")
    page = site.client.get("/metrics").text
    alive = site.client.get("/healthz")
    assert alive.json() == {"status": "ok"}
    assert len(alive.headers["Merlin-Installation"]) == 16
    assert site.client.get("/api/courses").status_code == 200
    assert metric_value(page, "merlin_database_up") == 1
    is_writable = metric_value(page, "merlin_database_writable") == 1
    assert response.json()["ready"] is is_writable is (response.status_code == 200)
    return response.json()["database"]


@pytest.mark.integration
def test_full_disk_makes_api_not_ready_but_pages_are_still_served(tmp_path):
    with small_disk(tmp_path / "state", "32m"), run_api(tmp_path / "state") as site:
        assert probe(site) == "ok"
        filler = fill_disk(tmp_path / "state")
        assert probe(site) == "full"
        filler.unlink()
        assert probe(site) == "ok"


@functional
def test_metrics_count_calls_by_route_without_caller_supplied_labels(run_client):
    with run_client() as client:
        client.get("/healthz")
        client.get("/made/up/by/somebody")
        client.request("BREW", "/healthz")
        page = client.get("/metrics").text
    route = {"route": "/healthz"}
    for name, labels in (
        ("requests_total", {"method": "GET", **route, "status": "200"}),
        ("requests_total", {"method": "GET", "route": "", "status": "404"}),
        ("request_seconds_count", route),
        ("request_seconds_bucket", {**route, "le": "+Inf"}),
    ):
        assert metric_value(page, f"merlin_http_{name}", **labels) == 1, name
    assert "made" not in page
    assert "BREW" not in page


ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}


@functional
@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_readiness_and_metrics_return_404_outside_the_monitoring_networks(
    run_client, path
):
    with run_client() as client:
        assert client.get(path).status_code == 200
        for headers in (
            ELSEWHERE,
            {"X-Forwarded-For": "127.0.0.1"},
            {"Forwarded": "for=x"},
        ):
            check_problem(client.get(path, headers=headers), 404, "not-found")
        assert client.get("/healthz", headers=ELSEWHERE).status_code == 200
    watching = NOT_LIMITED.model_copy(update={"monitoring": ("203.0.113.0/24",)})
    with run_client(listening=watching) as client:
        assert client.get(path, headers=ELSEWHERE).status_code == 200
        assert client.get(path).status_code == 404
