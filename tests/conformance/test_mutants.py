"""The conformance suite finds what is broken: one thing at a time, at our own engine."""

from __future__ import annotations

import json
import threading

import pytest

from tests.conformance.breaking_proxy import Proxy, make_answer, proxied, results, send_answer
from tests.conformance.request_mutants import (
    ASKED,
    CHAT,
    HTML,
    JOBS,
    is_of_a_job,
    no_checkpoints,
    no_idempotency,
)
from tests.conformance.response_mutants import ANSWERED, every_job_fails, every_refusal_is_a_bug

pytestmark = pytest.mark.integration
# The first stream of `stream.disconnect` is the second of its run.
STREAMS = 2


def named(value):
    return value.__name__ if callable(value) else ""


def results_of(proxy, wanted):
    found = results(proxy.url, *wanted)
    return {name: found[name].result for name in wanted}


@pytest.mark.parametrize(("mutant", "wanted"), ASKED, ids=named)
def test_suite_finds_a_server_that_does_not_listen(proxy, mutant, wanted):
    assert results_of(proxy, wanted) == dict.fromkeys(wanted, "passed")
    proxy.before = mutant
    assert results_of(proxy, wanted) == wanted


@pytest.mark.parametrize(("mutant", "wanted"), ANSWERED, ids=named)
def test_suite_finds_a_server_that_answers_wrongly(proxy, mutant, wanted):
    proxy.after = mutant
    assert results_of(proxy, wanted) == wanted


def test_suite_finds_states_that_run_backwards(proxy):
    states = iter(["running", "queued"])

    def backwards(answer, call):
        is_look = call.method == "GET" and call.path.startswith(f"{JOBS}/ftjob")
        state = next(states, None) if is_look else None
        return answer.saying(status=state) if state else answer

    proxy.after = backwards
    assert results_of(proxy, ["jobs.succeed"]) == {"jobs.succeed": "failed"}


def test_suite_finds_a_cancel_that_the_end_of_the_job_belies(proxy):
    lied = []

    def lying(call):
        if not is_of_a_job(call, "/cancel"):
            return call
        if not lied or lied[0] == call.path:
            lied.append(call.path)
            return call
        job = {"id": call.path.split("/")[-2], "status": "cancelled"}
        return make_answer(200, job)

    proxy.before = lying
    wanted = {"cancel.cancel": "passed", "cancel.race": "failed"}
    assert results_of(proxy, wanted) == wanted


def test_suite_finds_a_server_that_one_caller_fills(proxy):
    lock, inside = threading.Lock(), []

    def crowded(call):
        if call.path != CHAT:
            return call
        with lock:
            inside.append(call)
            return call if len(inside) % 4 else make_answer(500, HTML, "text/html")

    proxy.before = crowded
    assert results_of(proxy, ["chat.concurrent"]) == {"chat.concurrent": "failed"}


class Frail(Proxy):
    """Serves nobody else once a client has left in the middle of a stream."""

    streams = 0

    async def __call__(self, scope, receive, send):
        if self.streams < STREAMS:
            await super().__call__(scope, receive, self._cut(send))
        else:
            await send_answer(make_answer(500, HTML, "text/html"), send)

    def _cut(self, send):
        async def cut(message):
            body = message.get("body", b"")
            if b"[DONE]" in body:
                self.streams += 1
                if self.streams == STREAMS:
                    message = {**message, "body": body[:100], "more_body": True}
            await send(message)

        return cut


def test_suite_finds_a_server_that_a_leaving_client_breaks(tmp_path):
    with proxied(tmp_path, Frail) as frail:
        wanted = {"stream.chunks": "passed", "stream.disconnect": "failed"}
        assert results_of(frail, wanted) == wanted


def test_a_busy_server_may_put_questions_off(proxy):
    inside = []
    error = {"message": "later", "type": "requests", "param": None, "code": "rate_limit_exceeded"}

    def busy(call):
        if call.path == CHAT:
            inside.append(call)
        is_late = len(inside) > 3
        return make_answer(429, {"error": error}) if is_late and call.path == CHAT else call

    proxy.before = busy
    assert results_of(proxy, ["chat.concurrent"]) == {"chat.concurrent": "passed"}


def test_details_name_the_call_the_status_and_the_words(proxy):
    proxy.after = every_refusal_is_a_bug
    outcome = results(proxy.url, "files.unknown")["files.unknown"]
    assert outcome.key == "provider-test-status"
    assert outcome.arguments["status"] == "500"
    assert outcome.arguments["call"].startswith("GET /v1/files/file-")
    assert "No such File object" in outcome.arguments["words"]


def test_a_check_whose_need_failed_fails_by_name_and_one_whose_need_is_missing_is_missing(proxy):
    proxy.after = every_job_fails
    outcome = results(proxy.url, "events.list")["events.list"]
    assert (outcome.result, outcome.arguments) == ("failed", {"name": "jobs.succeed"})
    proxy.mend()
    proxy.before = no_checkpoints
    outcome = results(proxy.url, "checkpoints.order")["checkpoints.order"]
    assert (outcome.result, outcome.arguments) == ("missing", {"name": "checkpoints.list"})


def test_a_server_without_idempotency_gets_three_jobs_at_most(proxy):
    proxy.before = no_idempotency
    results(proxy.url)
    orders = [call for call in proxy.calls if (call.method, call.path) == ("POST", JOBS)]
    taken = [json.loads(call.body) for call in orders]
    assert sum("method" in order for order in taken) - 1 == 3  # one of them is refused
