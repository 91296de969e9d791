"""The conformance suite finds each single fault in an otherwise correct engine."""

import json
import threading

import pytest

from tests.conformance.breaking_proxy import (
    Proxy,
    make_response,
    run_proxy,
    run_suite,
    send_response,
)
from tests.conformance.request_mutants import (
    CHAT,
    HTML,
    JOBS,
    REQUEST_MUTANTS,
    ignore_idempotency_key,
    is_job_request,
    remove_checkpoints_api,
)
from tests.conformance.response_mutants import (
    RESPONSE_MUTANTS,
    change_errors_to_500,
    fail_jobs,
    is_stream,
)

pytestmark = pytest.mark.integration
# The first stream of `stream.disconnect` is the second stream of the run.
STREAMS = 2


def get_name(value):
    return value.__name__ if callable(value) else ""


def run_checks(proxy, names):
    outcomes = run_suite(proxy.url, *names)
    return {name: outcomes[name].result for name in names}


@pytest.mark.parametrize(("mutant", "expected"), REQUEST_MUTANTS, ids=get_name)
def test_suite_detects_a_server_that_ignores_a_request(proxy, mutant, expected):
    proxy.change_request = mutant
    assert run_checks(proxy, expected) == expected


@pytest.mark.parametrize(("mutant", "expected"), RESPONSE_MUTANTS, ids=get_name)
def test_suite_detects_a_server_that_answers_wrongly(proxy, mutant, expected):
    proxy.change_response = mutant
    assert run_checks(proxy, expected) == expected


def test_suite_detects_states_that_go_backwards(proxy):
    states = iter(["running", "queued"])

    def change_state(response, request):
        is_read = request.method == "GET" and request.path.startswith(f"{JOBS}/ftjob")
        state = next(states, None) if is_read else None
        return response.with_json(status=state) if state else response

    proxy.change_response = change_state
    assert run_checks(proxy, ["jobs.succeed"]) == {"jobs.succeed": "failed"}


def test_suite_detects_a_job_reported_as_cancelled_that_continues(proxy):
    paths = []

    def skip_later_cancels(request):
        if not is_job_request(request, "/cancel"):
            return request
        if not paths or paths[0] == request.path:
            paths.append(request.path)
            return request
        job = {"id": request.path.split("/")[-2], "status": "cancelled"}
        return make_response(200, job)

    proxy.change_request = skip_later_cancels
    expected = {"cancel.cancel": "passed", "cancel.race": "failed"}
    assert run_checks(proxy, expected) == expected


def test_suite_detects_a_server_that_cannot_serve_concurrent_requests(proxy):
    lock, requests = threading.Lock(), []

    def fail_each_fourth(request):
        if request.path != CHAT:
            return request
        with lock:
            requests.append(request)
            return request if len(requests) % 4 else make_response(500, HTML, "text/html")

    proxy.change_request = fail_each_fourth
    assert run_checks(proxy, ["chat.concurrent"]) == {"chat.concurrent": "failed"}


class FragileProxy(Proxy):
    """Answers nothing else once a client has disconnected in the middle of a stream."""

    streams = 0

    async def __call__(self, scope, receive, send):
        if self.streams < STREAMS:
            await super().__call__(scope, receive, self._cut(send))
        else:
            await send_response(make_response(500, HTML, "text/html"), send)

    def _cut(self, send):
        async def cut(message):
            body = message.get("body", b"")
            if b"[DONE]" in body:
                self.streams += 1
                if self.streams == STREAMS:
                    message = {**message, "body": body[:100], "more_body": True}
            await send(message)

        return cut


def test_suite_detects_a_server_that_a_disconnecting_client_breaks(tmp_path):
    with run_proxy(tmp_path, FragileProxy) as proxy:
        expected = {"stream.chunks": "passed", "stream.disconnect": "failed"}
        assert run_checks(proxy, expected) == expected


def test_busy_server_may_postpone_questions(proxy):
    requests = []
    error = {"message": "later", "type": "requests", "param": None, "code": "rate_limit_exceeded"}

    def refuse_after_three(request):
        if request.path == CHAT:
            requests.append(request)
        is_late = len(requests) > 3
        return make_response(429, {"error": error}) if is_late and request.path == CHAT else request

    proxy.change_request = refuse_after_three
    assert run_checks(proxy, ["chat.concurrent"]) == {"chat.concurrent": "passed"}


def test_details_name_the_call_the_status_and_the_message(proxy):
    proxy.change_response = change_errors_to_500
    outcome = run_suite(proxy.url, "files.unknown")["files.unknown"]
    assert outcome.key == "provider-test-status"
    assert outcome.arguments["status"] == "500"
    assert outcome.arguments["call"].startswith("GET /v1/files/file-")
    assert "No such File object" in outcome.arguments["words"]


def test_chunk_after_the_usage_is_reported_as_a_wrong_usage(proxy):
    events = []

    def repeat_first_event(event):
        events.append(event)
        return f"{event}\n\n{events[0]}" if "total_tokens" in event else event

    def change(response, _request):
        return response.map_events(repeat_first_event) if is_stream(response) else response

    proxy.change_response = change
    outcome = run_suite(proxy.url, "stream.usage")["stream.usage"]
    assert (outcome.result, outcome.arguments["field"]) == ("failed", "usage")


def test_check_with_a_failed_prerequisite_fails_and_with_a_missing_one_is_missing(proxy):
    proxy.change_response = fail_jobs
    outcome = run_suite(proxy.url, "events.list")["events.list"]
    assert (outcome.result, outcome.arguments) == ("failed", {"name": "jobs.succeed"})
    proxy.reset()
    proxy.change_request = remove_checkpoints_api
    outcome = run_suite(proxy.url, "checkpoints.order")["checkpoints.order"]
    assert (outcome.result, outcome.arguments) == ("missing", {"name": "checkpoints.list"})


def test_server_without_idempotency_gets_at_most_three_jobs(proxy):
    proxy.change_request = ignore_idempotency_key
    run_suite(proxy.url)
    orders = [
        request for request in proxy.requests if (request.method, request.path) == ("POST", JOBS)
    ]
    bodies = [json.loads(request.body) for request in orders]
    assert sum("method" in body for body in bodies) - 1 == 3  # one of them is refused
