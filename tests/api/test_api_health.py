"""/healthz, /readyz and /metrics over real HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from api_world import NOW
from figures import figure

from merlin.api.services import Picture
from merlin.core.errors import MerlinError
from merlin.core.heartbeat import Heartbeat
from merlin.training.models import Model, ModelState, Serving

pytestmark = pytest.mark.functional


def heartbeat(process="daemon", age_s=1.0, host="one", **counters):
    return Heartbeat(
        process, host, 7, NOW - timedelta(hours=1), NOW - timedelta(seconds=age_s), "poll", counters
    )


def serving(dataset, model_id, version):
    model = Model(1, "engine", model_id, dataset, 7, version, 1, ModelState.GOOD, NOW)
    return Serving(dataset, model, NOW, 1)


def test_healthz_answers_while_the_database_is_silent(client, desk):
    desk.error = MerlinError("away")
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_tells_of_the_other_processes(client, desk):
    desk.picture = Picture(heartbeats=[heartbeat(age_s=2.5), heartbeat("bot", age_s=10)])
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "database": "ok",
        "processes": {
            "daemon": {"alive": True, "age_s": 2.5, "step": "poll"},
            "bot": {"alive": False, "age_s": 10.0, "step": "poll"},
        },
    }


def test_readyz_takes_the_newest_words_of_a_process_on_several_hosts(client, desk):
    desk.picture = Picture(heartbeats=[heartbeat(age_s=3), heartbeat(age_s=900, host="two")])
    assert client.get("/readyz").json()["processes"]["daemon"]["alive"] is True


def test_readyz_knows_processes_that_never_spoke(client):
    told = client.get("/readyz").json()["processes"]
    assert told["bot"] == {"alive": False, "age_s": None, "step": ""}


def test_readyz_is_503_while_the_database_is_silent(client, desk):
    desk.error = MerlinError("no password=geheim")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["ready"] is False
    assert "geheim" not in response.text


def test_metrics_show_what_the_database_says(client, desk):
    desk.picture = Picture(
        heartbeats=[heartbeat(fetch_success=3, fetch_error=1, waiting=9)],
        queues={"requests": 2},
        jobs={"running": 1},
        serving=[serving("neuro", 'ft:"a"\\b', "neuro-7")],
    )
    page = client.get("/metrics").text
    process = {"process": "daemon", "host": "one"}
    assert figure(page, "merlin_process_up", **process) == 1
    assert figure(page, "merlin_fetch_total", **process, status="success") == 3
    assert figure(page, "merlin_daemon_waiting", **process) == 9
    assert figure(page, "merlin_queue_depth", queue="requests") == 2
    assert figure(page, "merlin_jobs", state="running") == 1
    serves = {"dataset": "neuro", "model": 'ft:"a"\\b', "build": "neuro-7"}
    assert figure(page, "merlin_serving_model", **serves) == 1


def test_metrics_show_a_dead_process_as_down_and_none_of_its_counters(client, desk):
    desk.picture = Picture(heartbeats=[heartbeat(age_s=60, fetch_success=3)])
    page = client.get("/metrics").text
    assert figure(page, "merlin_process_up", process="daemon", host="one") == 0
    assert "merlin_fetch_total" not in page


def test_metrics_answer_while_the_database_is_silent(client, desk):
    desk.error = MerlinError("away")
    response = client.get("/metrics")
    assert response.status_code == 200
    assert figure(response.text, "merlin_database_up") == 0


def test_metrics_count_calls_by_route_and_never_by_what_a_caller_made_up(serve_with):
    with serve_with() as client:
        client.get("/healthz")
        client.get("/made/up/by/somebody")
        client.request("BREW", "/healthz")
        page = client.get("/metrics").text
    name = "merlin_http_requests_total"
    assert figure(page, name, method="GET", route="/healthz", status="200") == 1
    assert figure(page, name, method="GET", route="", status="404") == 1
    assert figure(page, "merlin_http_request_seconds_count", route="/healthz") == 1
    assert figure(page, "merlin_http_request_seconds_bucket", route="/healthz", le="+Inf") == 1
    assert "made" not in page
    assert "BREW" not in page


ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_who_does_not_watch_over_the_api_finds_neither_figures_nor_readiness(serve_with, path):
    with serve_with() as client:
        assert client.get(path).status_code == 200
        for headers in (ELSEWHERE, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=x"}):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 404
            assert answer.json()["type"] == "urn:merlin:problem:not-found"
        assert client.get("/healthz", headers=ELSEWHERE).status_code == 200
    with serve_with(monitoring=("203.0.113.0/24",)) as client:
        assert client.get(path, headers=ELSEWHERE).status_code == 200
        assert client.get(path).status_code == 404
