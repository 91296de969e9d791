"""The conformance suite as a whole: the engine passes, it cleans up, faults do not end it."""

from dataclasses import replace

import pytest

from merlin.core.errors import ConfigError, ProviderBusy, Refused
from merlin.engine.conformance import CHECKS, select_checks
from merlin.engine.conformance.harness import connect
from tests.conformance.breaking_proxy import KEY, make_response, run_suite
from tests.support.http_servers import Handler, serve_http
from tests.support.waiting import longest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def full_run(engine):
    """Return the outcomes of a complete run, and the ids on the server before and after it."""
    engine.reset()
    before = {path: list_ids(engine, path) for path in ("files", "models")}
    outcomes = run_suite(engine.url)
    return outcomes, before, {path: list_ids(engine, path) for path in before}


def list_ids(engine, path):
    server = connect(engine.url, KEY, None, longest())
    try:
        return [item["id"] for item in server.call("GET", f"/{path}").json().get("data", [])]
    finally:
        server.close(keep=True)


def test_our_engine_with_recall_passes_every_check(full_run):
    outcomes, _, _ = full_run
    assert [outcome for outcome in outcomes.values() if outcome.result != "passed"] == []
    assert list(outcomes) == [check.name for check in CHECKS]


def test_created_objects_are_deleted_at_the_end(full_run):
    _, before, after = full_run
    assert after == before


def test_keep_leaves_files_and_models_and_no_running_job(proxy):
    outcomes = run_suite(proxy.url, "tuned.chat", keep=True)
    assert outcomes["tuned.chat"].result == "passed"
    assert len(list_ids(proxy, "files")) == 1
    assert len(list_ids(proxy, "models")) == 2
    assert "tuned.delete" not in [check.name for check in select_checks((), keep=True)]


def test_family_runs_only_with_its_prerequisites(proxy):
    families = {name.partition(".")[0] for name in run_suite(proxy.url, "checkpoints")}
    assert families == {"files", "jobs", "chat", "checkpoints"}


def test_unknown_check_is_refused():
    with pytest.raises(ConfigError, match="no check"):
        select_checks(["jobs.fly"], keep=False)


@pytest.mark.parametrize("shape", ["{url}", "{url}/", "{url}/v1", "{url}/v1/"])
def test_server_is_found_with_and_without_v1(proxy, shape):
    server = connect(shape.format(url=proxy.url), KEY, None, longest())
    server.close(keep=True)
    assert (server.base_url, server.model) == (f"{proxy.url}/v1", "recall")


def test_server_with_another_root_is_found(proxy):
    def strip_prefix(request):
        if request.path.startswith("/api/v9/openai/v1"):
            return make_response(404, {"detail": "Not Found"})
        return replace(request, path=request.path.replace("/api/v9/openai", "/v1"))

    proxy.change_request = strip_prefix
    outcomes = run_suite(f"{proxy.url}/api/v9/openai", "chat.plain", "files.content")
    assert {outcome.result for outcome in outcomes.values()} == {"passed"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "merlin",
        "ftp://127.0.0.1/v1",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1/v1?key=1",
        "http://boris:secret@127.0.0.1/v1",
        "http://127.0.0.1/#v1",
    ],
)
def test_invalid_url_is_a_usage_error(url):
    with pytest.raises(ConfigError) as refused:
        connect(url, KEY, None, longest())
    assert refused.value.exit_code == 2


def test_unreachable_server_is_one_clear_error(proxy):
    with pytest.raises(ProviderBusy, match="cannot be reached"):
        connect("http://127.0.0.1:9", KEY, None, longest())


def test_refused_key_is_one_clear_error(proxy):
    with pytest.raises(Refused) as refused:
        connect(proxy.url, "another-key", None, longest())
    assert refused.value.key == "provider-test-key-refused"


@pytest.mark.parametrize(
    "response",
    [
        make_response(200, "<html/>", "text/html"),
        make_response(200, []),
        make_response(200, "[" * 100_000),
    ],
)
def test_server_without_the_protocol_is_reported(proxy, response):
    proxy.change_request = lambda _call: response
    with pytest.raises(Refused) as refused:
        connect(proxy.url, KEY, "recall", longest())
    assert refused.value.key == "provider-test-no-server"


def test_checks_of_401_are_missing_without_a_key(proxy):
    proxy.change_request = lambda request: request.with_headers(authorization=f"Bearer {KEY}")
    outcomes = run_suite(proxy.url, "errors.no_key", "errors.wrong_key", "chat.plain", key="")
    results = {name: outcome.result for name, outcome in outcomes.items()}
    missing = {"errors.no_key": "missing", "errors.wrong_key": "missing"}
    assert results == {**missing, "chat.plain": "passed"}


def test_first_tunable_base_is_used(proxy):
    def add_untunable_model(response, request):
        if request.path != "/v1/models":
            return response
        card = {"id": "only-chats", "object": "model", "created": 1, "owned_by": "x"}
        return response.with_json(data=[card, *response.json["data"]])

    proxy.change_response = add_untunable_model
    outcomes = run_suite(proxy.url, "jobs.create", "jobs.seed")
    assert {outcome.result for outcome in outcomes.values()} == {"passed"}


def test_model_that_needs_the_newer_limit_name_gets_it(proxy):
    message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    error = {
        "message": message,
        "type": "x",
        "param": "max_tokens",
        "code": "unsupported_parameter",
    }

    def refuse_max_tokens(request):
        return make_response(400, {"error": error}) if "max_tokens" in request.json else request

    proxy.change_request = refuse_max_tokens
    outcomes = run_suite(proxy.url, "chat.max_tokens", "stream.max_tokens")
    assert {outcome.result for outcome in outcomes.values()} == {"passed"}


def test_servers_message_is_escaped_and_the_key_hidden(proxy):
    error = {"message": f"\x1b[31mno\n{KEY}", "type": "x", "param": None, "code": None}
    proxy.change_request = lambda request: (
        make_response(500, {"error": error}) if "chat" in request.path else request
    )
    outcome = run_suite(proxy.url, "chat.plain")["chat.plain"]
    assert outcome.arguments["words"] == "\\x1b[31mno [hidden]"


class BreakingHandler(Handler):
    """Lists a model, and breaks off the response to every other request."""

    def get(self):
        self.answer(
            200, b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1}]}'
        )

    def post(self):
        self.answer(200, b"{", Content_Length="100")
        self.close_connection = True


def test_server_that_breaks_every_response_fails_without_ending_the_run():
    with serve_http(BreakingHandler) as server:
        outcomes = run_suite(server.url)
    results = {
        name: outcome.result for name, outcome in outcomes.items() if outcome.result != "failed"
    }
    assert results == {
        "models.list": "passed",
        "errors.no_key": "missing",
        "errors.wrong_key": "missing",
    }
    assert outcomes["files.upload"].key == "provider-test-connection"
    assert outcomes["jobs.create"].arguments == {"name": "files.upload"}


class OddNameHandler(Handler):
    """Lists a model, and names uploaded files so that no URL can contain it."""

    get = BreakingHandler.get

    def post(self):
        self.answer(200, b'{"object": "file", "id": "file-\\n1"}')


def test_name_that_fits_no_url_does_not_stop_the_clean_up():
    with serve_http(OddNameHandler) as server:
        outcomes = run_suite(server.url, "files.upload")
    assert outcomes["files.upload"].key == "provider-test-not-same"
