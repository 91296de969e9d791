"""Every failure of a provider becomes a ProviderError, never an exception of a library."""

import socket
from contextlib import closing

import pytest

from merlin.core.errors import (
    ConfigError,
    ModelGone,
    ModelUnapplied,
    ProviderBusy,
    ProviderError,
    ProviderUnknown,
)
from merlin.core.i18n import text
from merlin.core.messages import Message
from merlin.providers.base import LAUNCH_KEY, NewJob
from merlin.providers.openai_training import OpenAIModelClient, OpenAIProvider
from tests.providers.yookassa_calls import drip_header, run_raw_server
from tests.support.refusals import catch

pytestmark = pytest.mark.functional
JOB = NewJob(
    base_model="recall",
    train_file="file-1",
    test_file=None,
    method="supervised",
    hyperparameters={},
    suffix="",
    metadata={LAUNCH_KEY: "k" * 32},
)
DEEP = b"[" * 200_000
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@pytest.fixture
def ask(server):
    """Ask a model of the server a question."""
    with closing(OpenAIModelClient(server.base_url, "key")) as client:
        yield lambda text="?": client.ask("ft:x", [Message("user", text)])


def make_error(code="", message="no", **error):
    return {"error": {"message": message, "type": "x", "code": code or None, **error}}


def make_faults(reply):
    return {
        "drop": reply(drop=True),
        "cut": reply(b'{"id": "ftjob-1"', cut=True),
        "500": reply(make_error(), 500),
        "502 html": reply(HTML, 502),
        "529": reply({}, 529),
        "408": reply({}, 408),
        "truncated": reply(b'{"id": "ftjob-1", "sta'),
        "html": reply(HTML),
        "empty": reply(b""),
        "null": reply(b"null"),
        "list": reply(b"[]"),
        "deep": reply(DEEP),
        "no utf-8": reply(b'{"id": "\xff\xfe"}'),
        "error with 200": reply(make_error("server_error")),
        "wrong schema": reply({"id": 7, "status": {}, "data": "x"}),
        "no status": reply({"id": "ftjob-1"}),
        "big number": reply(b'{"id": ' + b"9" * 5000 + b"}"),
    }


FAULTS = list(make_faults(lambda *_, **__: None))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize(
    ("act", "method", "kind"),
    [
        (lambda provider: provider.create_job(JOB), "POST", ProviderUnknown),
        (lambda provider: provider.read_job("ftjob-1"), "GET", ProviderBusy),
    ],
    ids=["create", "read"],
)
def test_ambiguous_call_that_creates_is_in_doubt_and_one_that_reads_may_be_repeated(
    server, provider, reply, name, act, method, kind
):
    server.will(make_faults(reply)[name])
    assert type(catch(ProviderError, act, provider)) is kind
    assert [call.method for call in server.calls] == [method]


def test_ambiguous_upload_raises_provider_unknown(server, provider, reply, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    server.will(reply(drop=True))
    error = catch(ProviderError, provider.upload_file, "a.jsonl", path)
    assert type(error) is ProviderUnknown
    assert len(server.calls) == 1


def test_silence_after_a_create_raises_provider_unknown(server, reply):
    server.will(reply(hang=True))
    # Long enough to send the request: a request that was not sent is certain to have no effect.
    with closing(OpenAIProvider(server.base_url, "key", timeout_s=5.0)) as provider:
        assert type(catch(ProviderError, provider.create_job, JOB)) is ProviderUnknown
    assert len(server.calls) <= 1


@pytest.mark.parametrize("status", [200, 500])
def test_slow_drip_ends_at_the_deadline(server, reply, status):
    server.will(reply([b" "] * 200, status, pause_s=0.05))
    with closing(OpenAIProvider(server.base_url, "key", timeout_s=0.3)) as provider:
        assert type(catch(ProviderError, provider.read_job, "ftjob-1")) is ProviderBusy


def test_slow_drip_of_the_headers_ends_at_the_deadline():
    with (
        run_raw_server(drip_header) as url,
        closing(OpenAIProvider(url, "key", timeout_s=0.3)) as provider,
    ):
        assert type(catch(ProviderError, provider.read_job, "ftjob-1")) is ProviderBusy


def test_call_that_was_never_sent_raises_provider_busy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with closing(OpenAIProvider(url, "key")) as provider:
            error = catch(ProviderError, provider.create_job, JOB)
    assert type(error) is ProviderBusy
    assert "нет связи" in text("ru", error.key, **error.arguments)


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "nonsense://x", "http://127.0.0.1:x"]
)
def test_unusable_proxy_of_the_environment_is_named(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    provider = OpenAIProvider("https://api.example.com/v1", "key")
    with closing(provider), pytest.raises(ConfigError) as refused:
        provider.create_job(JOB)
    assert "HTTPS_PROXY" in text("en", refused.value.key, **refused.value.arguments)


@pytest.mark.parametrize("credential", ["two\nlines", "ключ"])
def test_credential_that_cannot_be_sent_is_an_error(server, credential):
    with closing(OpenAIProvider(server.base_url, credential)) as provider:
        assert type(catch(ProviderError, provider.create_job, JOB)) is ProviderError
    assert server.calls == []


def test_file_not_ready_yet_raises_provider_busy(server, provider, reply):
    server.will(
        reply(make_error(message="File 'file-1' is still being processed."), 400)
    )
    busy = catch(ProviderError, provider.create_job, JOB)
    assert type(busy) is ProviderBusy
    assert busy.retry_after_s


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        *(
            (status, {"code": "some_code"}, "some_code")
            for status in (301, 307, 400, 401, 403, 404, 405, 409, 413, 422, 501)
        ),
        (429, {"code": "insufficient_quota"}, "insufficient_quota"),
        (429, {"type": "insufficient_quota"}, "insufficient_quota"),
        (429, {"code": "rate_limit_exceeded"}, "rate_limit_exceeded"),
    ],
)
def test_refusal_is_permanent_except_of_too_many_calls(
    server, provider, reply, status, error, code
):
    headers = (
        *(("x-request-id", "req-9"), ("Retry-After", "7")),
        ("Location", f"{server.base_url}/elsewhere"),
    )
    server.will(reply(make_error(message="some words", **error), status, headers))
    refusal = catch(ProviderError, provider.create_job, JOB)
    is_busy = code == "rate_limit_exceeded"
    assert type(refusal) is (ProviderBusy if is_busy else ProviderError)
    assert (refusal.status, refusal.code) == (status, code)
    assert not is_busy or refusal.retry_after_s == 7.0
    assert str(refusal).startswith(f"{status} ")
    assert "some words (request req-9)" in str(refusal)
    assert len(server.calls) == 1


def test_echoed_credential_is_not_shown(server, provider, reply):
    server.will(
        reply(make_error(message="Incorrect API key: sk-test-credential-1"), 401)
    )
    assert "credential-1" not in str(catch(ProviderError, provider.models))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, make_error("model_not_found"), ModelGone),
        (404, make_error("", "The model `ft:x` does not exist"), ModelGone),
        (
            404,
            {
                "object": "error",
                "message": "The model `x` does not exist.",
                "code": 404,
            },
            ModelGone,
        ),
        (400, make_error("model_not_found"), ModelGone),
        # A wrong address is no missing model.
        (404, {"detail": "Not Found"}, ProviderError),
        (404, HTML, ProviderError),
        (404, b"", ProviderError),
        (422, make_error("adapter_inert", "see q_proj"), ModelUnapplied),
        (422, make_error("adapter_differs", "see q_proj"), ModelUnapplied),
    ],
)
def test_model_that_is_missing_or_without_its_weights_is_told_from_other_refusals(
    server, ask, reply, status, body, kind
):
    server.will(reply(body, status))
    error = catch(ProviderError, ask)
    assert type(error) is kind
    assert kind is not ModelUnapplied or "see q_proj" in str(error)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"detail": [{"loc": ["body", "suffix"], "msg": "too long"}]}, "too long"),
        ({"object": "error", "message": {"detail": [{"msg": "too long"}]}}, "too long"),
        ({"error": "the suffix is too long"}, "422 the suffix is too long"),
        (b"the suffix is too long", "422 the suffix is too long"),
        (b'[{"error": {"message": "too long"}}]', "too long"),
        (HTML, "HTTP 422"),
    ],
)
def test_reason_of_any_form_is_shown(server, provider, reply, body, expected):
    server.will(reply(body, 422))
    assert expected in str(catch(ProviderError, provider.create_job, JOB))


def test_text_that_json_cannot_hold_is_an_error(server, ask):
    assert type(catch(ProviderError, ask, "\ud800")) is ProviderError
    assert server.calls == []


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><title>Hi</title>", b"\n <html>"])
def test_web_page_instead_of_json_is_reported(server, provider, reply, content):
    server.will(reply(content))
    for call in (provider.models, lambda: provider.create_job(JOB)):
        assert "a web page answered: is base_url right" in str(
            catch(ProviderError, call)
        )
