"""`merlin provider test`: its table, its JSON, its exit codes, its page of the docs."""

import json
import re
from dataclasses import replace
from functools import partial

import pytest
from starlette.responses import JSONResponse, Response

from merlin.cli import main
from merlin.cli.provider_checks import CHAT_CHECKS, CHECKS
from merlin.config.engine import EngineSettings
from merlin.core.i18n import text
from merlin.openai_protocol.errors import ApiError
from tests.engine.running_engine import create_engine_app
from tests.support.faults import make_fault
from tests.support.http_servers import serve_app
from tests.support.markdown_pages import read_page
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional
KEY = "key-of-the-engine"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    settings = EngineSettings(tmp_path_factory.mktemp("engine"), "127.0.0.1", 0, KEY)
    with serve_app(create_engine_app(settings)) as address:
        yield f"{address}/v1"


@pytest.fixture
def run(capsys, monkeypatch):
    """Return what runs the command: (exit code, stdout, stderr)."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def call(*arguments):
        capsys.readouterr()
        code = main(["provider", "test", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_our_engine_with_recall_passes_every_check(run, url):
    code, out, err = run(url, "--json")
    checks = json.loads(out)["checks"]
    assert [check["name"] for check in checks] == list(CHECKS)
    assert {tuple(check) for check in checks} == {("name", "result", "detail")}
    # The long job may have ended before the cancel arrives.
    others = [check for check in checks if check["name"] != "jobs.cancel"]
    assert [check for check in others if check["result"] != "passed"] == []
    assert code == 0
    assert f"{len(CHECKS)}/{len(CHECKS)} " in err


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ru", ["что доказывает", "отвечает на вопрос", "прошла"]),
        ("en", ["what it proves", "answers a question", "passed"]),
    ],
)
def test_results_of_chat_are_a_table_in_both_languages(
    run, url, monkeypatch, language, expected
):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    code, out, _ = run(url, "--chat-only")
    assert code == 0
    assert [word for word in expected if word not in out] == []
    assert [line.split()[0] for line in out.splitlines()[-len(CHAT_CHECKS) :]] == list(
        CHAT_CHECKS
    )


def test_failed_check_exits_with_1_and_the_reason(run, url):
    code, out, _ = run(url, "--chat-only", "--model", "no-such-model", "--json")
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert (code, checks["chat.plain"]["result"]) == (1, "failed")
    assert "404" in checks["chat.plain"]["detail"]
    assert "no-such-model" in checks["chat.plain"]["detail"]
    assert "chat.plain" in checks["chat.stream"]["detail"]


@pytest.mark.parametrize(("applies", "result"), [(True, "passed"), (False, "failed")])
def test_server_that_answers_without_the_training_fails(run, applies, result):
    with ProviderStandIn(key=KEY) as provider:
        provider.behave(applies_weights=applies, states=())
        code, out, _ = run(provider.base_url, "--model", "stand-in-base", "--json")
    (check,) = [
        each for each in json.loads(out)["checks"] if each["name"] == "jobs.applied"
    ]
    assert check["result"] == result
    if not applies:
        assert code == 1
        assert "of 8 trained questions" in check["detail"]


class OddProvider(ProviderStandIn):
    """A provider with handlers of its own for some calls, by name."""

    def __init__(self, instead):
        self._instead = instead
        super().__init__(key=KEY)

    def _routes(self):
        for name, *place, handler in super()._routes():
            other = self._instead.get(name, handler)
            yield (
                name,
                *place,
                partial(self._find_any, handler) if other == "any" else other,
            )

    def _find_any(self, find, job_id):
        """Return a job, for an unknown id the first one under that id."""
        jobs = self._account.jobs
        known = job_id if job_id in jobs else next(iter(jobs))
        return {**find(known), "id": job_id}

    def check_key(self, request):
        if refuse := self._instead.get("key"):
            refuse(request)
        else:
            super().check_key(request)


def refuse_oddly(request):
    """Refuse another key as if the question were wrong."""
    if KEY not in request.headers["authorization"]:
        raise ApiError(400, "No.")


async def square(request):
    """Answer any model's question for the square of a number; a stream has no counts."""
    body = await request.json()
    number = re.search(r"числа (\d+)", body["messages"][-1]["content"])
    said = (
        f"Квадрат числа {number[1]} равен {int(number[1]) ** 2}." if number else "Да."
    )
    answer = {"id": "c", "created": 0, "model": body["model"], "object": "chat"}
    choice = {"index": 0, "finish_reason": "stop"}
    if not body.get("stream"):
        choice["message"] = {"role": "assistant", "content": said}
        counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return JSONResponse({**answer, "choices": [choice], "usage": counts})
    choice["delta"] = {"role": "assistant", "content": said}
    chunk = json.dumps({**answer, "choices": [choice]})
    return Response(
        f"data: {chunk}\n\ndata: [DONE]\n\n", media_type="text/event-stream"
    )


def list_nothing(**_path):
    return {"object": "list", "data": [], "has_more": False}


def find_check(run, provider, name, *options):
    """Run the checks of a provider; return the result and the detail of one of them."""
    _, out, err = run(provider.base_url, "--model", "stand-in-base", "--json", *options)
    assert out, err
    (check,) = [each for each in json.loads(out)["checks"] if each["name"] == name]
    return check["result"], check["detail"]


UNKNOWN = {"model": "no-such-model-of-merlin"}


NO_KEY = {"key": lambda _: None}
LATIN = {"fixed_answer": "Понедельник".encode().decode("latin-1")}


@pytest.mark.parametrize(
    ("name", "instead", "faults", "behaviour", "result", "words"),
    [
        ("models.list", {}, {"models.list": 404}, {}, "missing", "404"),
        ("errors.key", NO_KEY, {}, {}, "missing", "key"),
        ("errors.key", {"key": refuse_oddly}, {}, {}, "failed", "400"),
        ("chat.unknown_model", {}, {"chat.create": 500}, {}, "missing", "500"),
        ("chat.unknown_model", {}, {"chat.create": 400}, {}, "failed", "400"),
        ("chat.unknown_model", {"chat.create": square}, {}, {}, "failed", "Да."),
        ("chat.stream", {"chat.create": square}, {}, {}, "missing", "include_usage"),
        ("chat.plain", {}, {}, LATIN, "failed", "Ð"),
        ("jobs.create", {}, {"jobs.create": 400}, {}, "failed", "400"),
        ("jobs.create", {}, {"jobs.create": 429}, {}, "failed", "429"),
        ("jobs.find", {}, {}, {"list_lag_s": 60}, "missing", "metadata"),
        ("jobs.unknown", {"jobs.retrieve": "any"}, {}, {}, "failed", "ftjob-"),
        ("jobs.events", {"jobs.events": list_nothing}, {}, {}, "missing", "events"),
        ("jobs.applied", {"chat.create": square}, {}, {}, "missing", "too few"),
        ("jobs.cancel", {}, {"jobs.cancel": 409}, {"states": ()}, "missing", "succ"),
    ],
)
def test_odd_server_is_described(run, name, instead, faults, behaviour, result, words):
    options = () if name.startswith("jobs.") else ("--chat-only",)
    with OddProvider(instead) as provider:
        provider.behave(**behaviour)
        for method, status in faults.items():
            only = UNKNOWN if method == "chat.create" else {}
            provider.faults.add(replace(make_fault(method, status), only=only))
        found, detail = find_check(run, provider, name, *options)
    assert (found, words in detail) == (result, True), detail


def test_wrong_key_cannot_be_tried_without_a_right_one(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with OddProvider(NO_KEY) as provider:
        found, detail = find_check(run, provider, "errors.key", "--chat-only")
    assert (found, "OPENAI_API_KEY" in detail) == ("missing", True), detail


def test_job_that_does_not_end_is_late(run):
    with ProviderStandIn(key=KEY) as provider:
        provider.behave(states=("running",) * 100_000)
        late = ("jobs.succeed", "--timeout-s", "1")
        found, detail = find_check(run, provider, *late)
    assert (found, "running" in detail) == ("failed", True), detail


@pytest.mark.parametrize(
    ("instead", "status", "words"),
    [({}, 401, "key"), ({"models.list": list_nothing}, 0, "lists no models")],
)
def test_server_that_lists_no_model_is_not_checked(run, instead, status, words):
    with OddProvider(instead) as provider:
        if status:
            provider.faults.add(make_fault("models.list", status))
        code, out, err = run(provider.base_url)
    assert (code, out, words in err) == (1, "", True), err


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["http://127.0.0.1:9/v1"], 1, "can't answer now"),
        (["127.0.0.1:9"], 1, "Check the address"),
        ([], 2, "URL"),
        (["http://127.0.0.1:9", "--timeout-s", "0"], 2, "--timeout-s"),
    ],
)
def test_impossible_check_is_reported_without_a_traceback(
    run, arguments, code, expected
):
    exit_code, out, err = run(*arguments)
    assert (exit_code, out) == (code, "")
    assert expected in err
    assert "Traceback" not in err


@pytest.mark.parametrize("language", ["ru", "en"])
def test_page_lists_exactly_the_existing_checks_and_their_number(language):
    told = read_page("docs", language, "provider-test.md")
    rows = {name: row[1] for name, row in told.keys.items() if "." in name}
    assert rows == {name: text(language, title_key(name)) for name in CHECKS}
    assert re.findall(r"\b(\d+)\s(?:checks|провер[а-я]+)", told.prose) == [
        str(len(CHECKS))
    ]


def title_key(name):
    return f"provider-test-title-{re.sub('[._]', '-', name)}"
