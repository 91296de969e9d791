"""`merlin provider test` finds each single fault in an otherwise correct engine."""

from dataclasses import replace

import pytest

from merlin.cli.provider_checks import CHECKS, connect
from merlin.core.errors import ProviderBusy, Refused
from tests.conformance.breaking_proxy import KEY, make_response, run_suite
from tests.real.recording import read_recording
from tests.support.http_servers import Handler, serve_http
from tests.support.waiting import longest

pytestmark = pytest.mark.integration
CHAT, JOBS, FILES = (
    f"/v1/{path}" for path in ("chat/completions", "fine_tuning/jobs", "files")
)
MODELS = "/v1/models"
# The checks that make files and jobs.
MADE = [name for name in CHECKS if name.startswith(("files.", "jobs."))]


def is_job_request(request, suffix=""):
    return request.path.startswith(f"{JOBS}/") and request.path.endswith(suffix)


def is_stream(response):
    return response.headers["content-type"].startswith("text/event-stream")


def accept_any_model(request):
    return request.with_json(model="recall") if request.path == CHAT else request


def ignore_stream_options(request):
    return request.with_json(stream_options=None) if request.path == CHAT else request


def ignore_api_key(request):
    return request.with_headers(authorization=f"Bearer {KEY}")


def list_models_for_all(request):
    return ignore_api_key(request) if request.path == MODELS else request


def ignore_metadata(request):
    is_launch = (request.method, request.path) == ("POST", JOBS)
    return request.with_json(metadata=None) if is_launch else request


def ignore_metadata_filter(request):
    return request.without_query("metadata") if request.path == JOBS else request


def remove_files_api(request):
    is_files = request.path.startswith(FILES)
    return make_response(404, {"detail": "Not Found"}) if is_files else request


def empty_events(request):
    is_events = is_job_request(request, "/events")
    return make_response(200, {"object": "list", "data": []}) if is_events else request


def skip_cancel(request):
    if not is_job_request(request, "/cancel"):
        return request
    job = {
        "id": request.path.split("/")[-2],
        "object": "fine_tuning.job",
        "status": "cancelled",
    }
    return make_response(200, job)


def skip_delete(request):
    deleted = {"id": request.path.rsplit("/", 1)[1], "deleted": True}
    return make_response(200, deleted) if request.method == "DELETE" else request


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (accept_any_model, {"chat.unknown_model": "failed", "jobs.applied": "failed"}),
        (ignore_stream_options, {"chat.stream": "missing"}),
        (ignore_api_key, {"errors.key": "missing"}),
        (list_models_for_all, {"errors.key": "passed"}),
        (ignore_metadata, {"jobs.find": "missing"}),
        (ignore_metadata_filter, {"jobs.find": "passed"}),
        (remove_files_api, dict.fromkeys(MADE, "missing")),
        (empty_events, {"jobs.events": "missing"}),
        (skip_cancel, {"jobs.cancel": "failed"}),
        (skip_delete, {"files.delete": "failed"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_server_that_ignores_a_request_is_found(proxy, change, expected):
    proxy.change_request = change
    assert run_suite(proxy.url) == dict.fromkeys(CHECKS, "passed") | expected


def cut_stream(response, _request):
    def change(event):
        if event == "data: [DONE]":
            return None
        return event.replace('"finish_reason": "stop"', '"finish_reason": null')

    return response.map_events(change) if is_stream(response) else response


def drop_usage(response, request):
    if request.path != CHAT or "usage" not in response.json:
        return response
    return response.with_json(usage=None)


def set_answer(response, request, content, reason):
    is_answer = request.path == CHAT and response.status == 200
    choice = {
        "message": {"role": "assistant", "content": content},
        "finish_reason": reason,
    }
    return response.with_json(choices=[choice]) if is_answer else response


def empty_answer(response, request):
    return set_answer(response, request, "", "stop")


def think_to_the_limit(response, request):
    return set_answer(response, request, "", "length")


def cut_a_letter(response, request):
    return set_answer(response, request, "Поне\ufffd", "length")


def break_a_letter(response, request):
    return set_answer(response, request, "Поне\ufffd", "stop")


def change_error_shape(response, _request):
    return (
        response
        if response.status < 400
        else make_response(response.status, {"detail": "no"})
    )


def change_errors_to_500(response, _request):
    return response if response.status < 400 else replace(response, status=500)


def change_401_to_403(response, _request):
    return make_response(403, {"detail": "no"}) if response.status == 401 else response


def fail_jobs(response, request):
    if not is_job_request(request) or response.json.get("status") != "succeeded":
        return response
    error = {"code": "no_luck", "message": "no luck", "param": None}
    return response.with_json(status="failed", error=error, fine_tuned_model=None)


def empty_lists(response, request):
    is_list = request.method == "GET" and request.path in (JOBS, FILES)
    return response.with_json(data=[]) if is_list else response


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (cut_stream, {"chat.stream": "failed"}),
        (drop_usage, {"chat.plain": "failed"}),
        (empty_answer, {"chat.plain": "failed"}),
        (think_to_the_limit, {"chat.plain": "passed"}),
        (cut_a_letter, {"chat.plain": "passed"}),
        (break_a_letter, {"chat.plain": "failed"}),
        (change_error_shape, {"chat.unknown_model": "failed"}),
        (
            change_errors_to_500,
            {"chat.unknown_model": "missing", "jobs.unknown": "failed"},
        ),
        (change_401_to_403, {"errors.key": "failed"}),
        (
            fail_jobs,
            {"jobs.succeed": "failed", "jobs.events": "failed", "jobs.model": "failed"},
        ),
        (empty_lists, {"files.find": "failed", "jobs.find": "missing"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_server_that_answers_wrongly_is_found(proxy, change, expected):
    proxy.change_response = change
    results = run_suite(proxy.url)
    assert {name: results[name] for name in expected} == expected


@pytest.mark.parametrize(
    "answer",
    [
        (404, {"detail": "Not Found"}),
        (401, {"error": "Unauthorized"}),
        (500, "Internal Server Error"),
        (200, {"object": "list", "data": []}),
        (200, ["recall"]),
    ],
)
def test_list_of_models_is_one_missing_check_for_a_named_model(proxy, answer):
    def refuse_list(request):
        is_list = (request.method, request.path) == ("GET", MODELS)
        return make_response(*answer) if is_list else request

    proxy.change_request = refuse_list
    expected = dict.fromkeys(CHECKS, "passed") | {"models.list": "missing"}
    assert run_suite(proxy.url, model="recall") == expected
    with pytest.raises((ProviderBusy, Refused)):
        run_suite(proxy.url)


@pytest.mark.parametrize(
    ("program", "story", "name"),
    [
        ("litellm", "unknown-model", "chat.unknown_model"),
        ("transformers", "other-model", "chat.unknown_model"),
        ("litellm", "wrong-key", "errors.key"),
    ],
)
def test_refusal_in_words_of_its_own_passes(proxy, program, story, name):
    refusal = read_recording(program).answer(story)
    status = {"chat.unknown_model": 404, "errors.key": 401}[name]

    def refuse(response, request):
        is_meant = request.path == CHAT and response.status == status
        return (
            make_response(refusal["status"], refusal["body"]) if is_meant else response
        )

    proxy.change_response = refuse
    assert run_suite(proxy.url) == dict.fromkeys(CHECKS, "passed")


def test_every_question_has_a_limit_of_tokens(proxy):
    run_suite(proxy.url)
    limits = {
        request.json.get("max_tokens")
        for request in proxy.requests
        if request.path == CHAT
    }
    assert None not in limits


def list_ids(engine, path):
    server = connect(f"{engine.url}/v1", KEY, None, longest())
    try:
        listed = {
            "files": server.api._client.files.list,
            "models": server.api._client.models.list,
        }
        return [item.id for item in listed[path]()]
    finally:
        server.close()


def test_everything_made_is_deleted_at_the_end(proxy):
    before = {path: list_ids(proxy, path) for path in ("files", "models")}
    assert set(run_suite(proxy.url).values()) == {"passed"}
    assert {path: list_ids(proxy, path) for path in before} == before


@pytest.mark.parametrize(
    "url", ["merlin", "http://127.0.0.1:9/v1", "http://127.0.0.1/v1?key=1"]
)
def test_address_without_a_server_is_one_clear_error(url):
    with pytest.raises((ProviderBusy, Refused)):
        connect(url, KEY, None, longest())


def test_refused_key_is_one_clear_error(proxy):
    with pytest.raises(Refused) as refused:
        connect(f"{proxy.url}/v1", "another-key", None, longest())
    assert refused.value.key == "provider-test-key-refused"


def test_server_without_the_protocol_is_reported(proxy):
    with pytest.raises(Refused) as refused:
        connect(proxy.url, KEY, None, longest())
    assert refused.value.key == "provider-test-no-server"


def test_key_is_not_checked_without_one(proxy):
    proxy.change_request = ignore_api_key
    assert run_suite(proxy.url, key="")["errors.key"] == "missing"


class BreakingHandler(Handler):
    """Lists a model, and breaks off the response to every other request."""

    def get(self):
        self.answer(
            200,
            b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1}]}',
        )

    def post(self):
        self.answer(200, b"{", Content_Length="100")
        self.close_connection = True


def test_server_that_breaks_every_response_fails_without_ending_the_run():
    with serve_http(BreakingHandler) as server:
        results = run_suite(server.url)
    assert results == dict.fromkeys(CHECKS, "failed") | {"models.list": "passed"}
