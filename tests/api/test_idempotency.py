"""Idempotency keys: a repeated call gets the same response, and nothing is done twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from starlette.responses import JSONResponse

from merlin.api.app import create_app
from merlin.api.auth import identify_caller
from merlin.api.idempotency import run_once
from merlin.api.problems import Problem
from merlin.core.clock import iso, utc_now
from merlin.core.errors import MerlinError, Refused
from merlin.db.processes import CALL_LIMIT
from tests.api.chat_api import (
    TWO_A_DAY,
    chat_client,
    chat_request,
    count_questions_by_state,
    run_chat_api,
    send_raw_question,
)
from tests.api.running_api import ANNA, BORIS
from tests.support.faults import Fault, FaultKind
from tests.support.http_servers import serve_app
from tests.support.waiting import longest, wait_until

functional = pytest.mark.functional
QUESTION = "Что такое граф?"


def ask(client, question=QUESTION, key="one", **options):
    headers = {"Idempotency-Key": key}
    return client.post("/chat/completions", json=chat_request(question, **options), headers=headers)


@functional
def test_repeated_question_gets_the_same_bytes_and_is_charged_once(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        first, again = ask(client), ask(client)
        assert first.status_code == again.status_code == 200
        assert first.content == again.content
        assert first.headers["merlin-build"] == again.headers["merlin-build"]
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert len(provider.calls("chat.create")) == 1
        assert count_questions_by_state(site) == {"charged": 1}
        assert ask(client, key="two").status_code == 200
        assert count_questions_by_state(site) == {"charged": 2}


@functional
def test_idempotency_key_is_bound_to_one_request_of_one_user(tmp_path):
    with run_chat_api(tmp_path) as (site, _), chat_client(site) as anna:
        ask(anna)
        other = ask(anna, "Другой вопрос")
        assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_other")
        site.add_user(BORIS)
        with chat_client(site, BORIS) as boris:
            response = ask(boris, "Другой вопрос")
        assert response.status_code == 200
        assert "idempotency-replayed" not in response.headers


@functional
def test_concurrent_requests_with_one_key_call_the_provider_once(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.behave(think_s=3600.0)
        with ThreadPoolExecutor(12) as pool:
            futures = [pool.submit(ask, client) for _ in range(12)]
            wait_until(lambda: sum(each.done() for each in futures) == 11)
            provider.behave(think_s=0.0)
            responses = [each.result() for each in futures]
        statuses = sorted(each.status_code for each in responses)
        assert statuses == [200, *[409] * 11]
        waits = next(each for each in responses if each.status_code == 409)
        assert waits.json()["error"]["code"] == "idempotency_running"
        assert waits.headers["retry-after"] == "5"
        assert ask(client).headers["idempotency-replayed"] == "true"
        assert len(provider.calls("chat.create")) == 1
        assert count_questions_by_state(site) == {"charged": 1}


@functional
def test_failed_request_frees_its_idempotency_key(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.faults.add(Fault("chat.create", FaultKind.STATUS, times=None, status=503))
        assert ask(client).status_code == 503
        provider.faults.clear()
        assert ask(client).status_code == 200
        assert ask(client, key="two").status_code == 200
        assert ask(client, key="three").status_code == 429
        assert ask(client, key="three").status_code == 429
        assert count_questions_by_state(site) == {"charged": 2, "returned": 1}


@functional
def test_answer_is_stored_for_a_caller_who_disconnected(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.behave(think_s=3600.0)
        with send_raw_question(site, chat_request(QUESTION), **{"Idempotency-Key": "one"}):
            wait_until(lambda: count_questions_by_state(site) == {"reserved": 1})
        provider.behave(think_s=0.0)
        again = wait_until(lambda: (response := ask(client)).status_code == 200 and response)
        assert again.headers["idempotency-replayed"] == "true"
        assert len(provider.calls("chat.create")) == 1
        assert count_questions_by_state(site) == {"charged": 1}


def read_stream(response):
    """Return the id, the text and the origin of a complete stream."""
    assert response.content.endswith(b"data: [DONE]\n\n")
    events = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    return {chunk["id"] for chunk in chunks}, text, chunks[-1]["merlin"]


@functional
def test_streamed_answer_is_replayed_as_a_stream_and_charged_once(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        first, again = ask(client, stream=True), ask(client, stream=True)
        assert read_stream(first) == read_stream(again)
        assert QUESTION in read_stream(again)[1]
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["merlin-build"] == first.headers["merlin-build"]
        assert again.headers["idempotency-replayed"] == "true"
        assert ask(client).json()["error"]["code"] == "idempotency_other"
        assert len(provider.calls("chat.create")) == 1
        assert count_questions_by_state(site) == {"charged": 1}


@functional
def test_whole_answer_is_stored_when_caller_leaves_in_mid_stream(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.behave(fixed_answer="один два три четыре пять шесть", piece_s=3600.0)
        with send_raw_question(
            site, chat_request(QUESTION, stream=True), **{"Idempotency-Key": "one"}
        ) as connection:
            assert connection.recv(1)  # the first token is on its way
            assert ask(client, stream=True).status_code == 409
        provider.behave(piece_s=0.0)
        again = wait_until(
            lambda: (response := ask(client, stream=True)).status_code == 200 and response
        )
        assert again.headers["idempotency-replayed"] == "true"
        _, text, origin = read_stream(again)
        assert (text, origin["ending"]) == ("один два три четыре пять шесть", "whole")
        assert len(provider.calls("chat.create")) == 1
        assert count_questions_by_state(site) == {"charged": 1}


@functional
def test_stream_that_fails_before_its_first_word_frees_the_key(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.faults.add(Fault("chat.create", FaultKind.STATUS, times=None, status=503))
        assert ask(client, stream=True).status_code == 503
        provider.faults.clear()
        assert ask(client, stream=True, response_format={"type": "json_object"}).status_code == 400
        assert ask(client, stream=True).status_code == 200
        assert count_questions_by_state(site) == {"charged": 1, "returned": 2}


@functional
@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ключ"])
def test_invalid_idempotency_key_is_refused(tmp_path, key):
    with run_chat_api(tmp_path) as (site, _), chat_client(site) as client:
        headers = {"Idempotency-Key": key.encode()}
        response = client.post("/chat/completions", json=chat_request(QUESTION), headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "idempotency_key")


@functional
def test_stored_response_is_encrypted(tmp_path):
    with run_chat_api(tmp_path) as (site, _), chat_client(site) as client:
        ask(client, "Тайный вопрос")
        ((body, key_hash),) = site.database.sql("SELECT body, key_hash FROM idempotency")
        assert body
        assert "Тайный" not in body
        assert len(key_hash) == 64


@contextmanager
def serve_launches(site, *outcomes):
    """Serve a route that launches; yield a function that calls it, and the list of launches."""
    app = create_app(site.services)
    numbers, remaining = [], list(outcomes)

    async def launch(request):
        async def deed(number):
            numbers.append(number)
            outcome = remaining.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            fields = {"launched": len(numbers)}
            return JSONResponse(fields, outcome, headers={"Location": "/api/jobs/1"})

        return await run_once(request, await identify_caller(request), deed)

    app.add_route("/launch", launch, methods=["POST"])
    with serve_app(app) as address, httpx.Client(base_url=address, timeout=longest()) as client:

        def call(body=b"{}", key="one", path="/launch"):
            named = {"Idempotency-Key": key} if key else {}
            headers = {**site.key_headers(ANNA), **named}
            return client.post(path, content=body, headers=headers)

        yield call, numbers


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_chat_api(tmp_path_factory.mktemp("launch")) as (site, _):
        yield site


@pytest.fixture(autouse=True)
def no_calls_are_kept(request):
    yield
    if "site" in request.fixturenames:
        request.getfixturevalue("site").database.sql("DELETE FROM idempotency")


@functional
def test_repeated_launch_returns_the_same_location(site):
    with serve_launches(site, 202) as (call, numbers):
        first, again = call(), call()
        assert (again.status_code, again.headers["location"]) == (202, "/api/jobs/1")
        assert first.content == again.content
        assert len(numbers) == 1


@functional
def test_each_call_without_a_key_is_executed(site):
    with serve_launches(site, 202, 202) as (call, numbers):
        call(key="")
        call(key="")
        assert len(set(numbers)) == 2
        assert all(numbers)


@functional
def test_key_reused_with_another_body_or_query_is_refused(site):
    with serve_launches(site, 202) as (call, _):
        call()
        assert call(b"{ }").status_code == 422
        assert call(path="/launch?now=1").json()["type"] == "urn:merlin:problem:idempotency-other"


@functional
@pytest.mark.parametrize("refusal", [Problem(403, "forbidden"), Refused("no"), 404, 503])
def test_refused_call_can_be_retried_immediately(site, refusal):
    with serve_launches(site, refusal, 202) as (call, numbers):
        assert call().status_code >= 400
        assert call().status_code == 202
        assert numbers[0] != numbers[1]


@functional
@pytest.mark.parametrize("doubt", [MerlinError("the database is silent"), ValueError("a bug")])
def test_call_with_unknown_outcome_counts_as_running_and_is_retried_under_its_number(site, doubt):
    with serve_launches(site, doubt, 202) as (call, numbers):
        assert call().status_code >= 500
        assert call().status_code == 409
        site.database.sql("UPDATE idempotency SET at = ?", iso(utc_now() - CALL_LIMIT))
        assert call().status_code == 202
        assert numbers[0] == numbers[1]
        assert call().headers["idempotency-replayed"] == "true"
