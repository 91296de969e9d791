"""The hooks over real HTTP; that of payments is in test_api_forged.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from api_world import SECRET, serving
from figures import figure
from openai import OpenAI

from merlin.api.hooks import REST_S
from merlin.api.problems import HOOK_BYTES
from merlin.core.clock import utc_now
from merlin.core.errors import MerlinError
from merlin.core.webhook_signing import headers_of
from merlin.engine.main import create_app as engine_app
from merlin.engine.settings import EngineSettings, WebhookSettings

pytestmark = pytest.mark.functional

HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
UPDATE = {
    "update_id": 5,
    "message": {"message_id": 1, "chat": {"id": 42}, "from": {"id": 42}, "text": "Привет"},
}


@pytest.fixture
def ringing(serve_with):
    """Give a client of an api of its own, because a bell rings on after its test."""
    with serve_with() as client:
        yield client


def test_an_update_is_stored_before_it_is_answered(client, desk):
    assert client.post("/hooks/telegram", json=UPDATE, headers=HEADERS).status_code == 200
    assert [(one.update_id, one.chat_id, one.body) for one in desk.updates] == [(5, 42, UPDATE)]


def test_telegram_sends_again_what_could_not_be_stored(client, desk):
    desk.error = MerlinError("disk full")
    response = client.post("/hooks/telegram", json=UPDATE, headers=HEADERS)
    assert response.status_code == 503
    assert response.headers["retry-after"]
    desk.error = None
    assert client.post("/hooks/telegram", json=UPDATE, headers=HEADERS).status_code == 200
    assert len(desk.updates) == 1


@pytest.mark.parametrize("given", [None, "", "wrong", SECRET + "x", SECRET[:-1], "\xe9"])
def test_a_forged_update_is_refused(client, desk, given):
    headers = {} if given is None else {"X-Telegram-Bot-Api-Secret-Token": given.encode("latin-1")}
    response = client.post("/hooks/telegram", json=UPDATE, headers=headers)
    assert response.status_code == 401
    assert response.json()["type"] == "urn:merlin:problem:unauthorized"
    assert desk.updates == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b'{"message":{}}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_update_is_a_bad_request(client, desk, body):
    response = client.post("/hooks/telegram", content=body, headers=HEADERS)
    assert response.status_code == 400
    assert desk.updates == []


@pytest.mark.parametrize("missing", [{"store_update": None}, {"telegram_secret": ""}])
def test_without_webhook_mode_there_is_no_telegram_hook(serve_with, missing):
    with serve_with(**missing) as client:
        response = client.post("/hooks/telegram", json=UPDATE, headers=HEADERS)
        assert response.status_code == 404


def test_the_git_hook_asks_for_a_fetch(ringing, desk):
    assert ringing.post("/hooks/git", content=b"anything at all").status_code == 202
    desk.wait_for(lambda: desk.fetches == 1)
    assert desk.polls == 0


def test_the_provider_hook_asks_for_a_look_at_the_jobs(ringing, desk):
    assert ringing.post("/hooks/provider", json={"forged": True}).status_code == 202
    desk.wait_for(lambda: desk.polls == 1)
    assert desk.fetches == 0


def from_elsewhere(client, name, **more):
    """Call a hook as the proxy of a public api passes a call on."""
    headers = {"X-Forwarded-For": "203.0.113.7", **more.pop("headers", {})}
    return client.post(f"/hooks/{name}", headers=headers, **more)


def refused(client):
    """Return what the metrics say of refused hooks, by the hook."""
    page = client.get("/metrics").text
    told = {
        hook: figure(page, "merlin_hooks_refused_total", hook=hook)
        for hook in ("git", "provider", "telegram")
    }
    return {hook: count for hook, count in told.items() if count is not None}


@pytest.mark.parametrize("name", ["git", "provider"])
def test_without_a_secret_a_hook_is_called_from_this_machine_alone(ringing, desk, name):
    answer = from_elsewhere(ringing, name)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:merlin:problem:unauthorized"
    assert refused(ringing) == {name: 1}
    forged = {"X-Forwarded-For": "127.0.0.1"}
    assert ringing.post(f"/hooks/{name}", headers=forged).status_code == 401
    assert ringing.post(f"/hooks/{name}").status_code == 202
    desk.wait_for(lambda: desk.fetches + desk.polls == 1)


BODY = b'{"ref": "refs/heads/main"}'
WORD = "a-word-that-the-host-was-told"
SIGNING = f"whsec_{base64.b64encode(b'24 bytes at least, they say').decode()}"


def digest(secret, body=BODY):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(secret, at=0, body=BODY):
    return headers_of("msg_1", utc_now() + timedelta(seconds=at), body, [secret])


@pytest.fixture
def guarded(serve_with):
    """Give a client of an api whose hooks have two secrets each, as while one is changed."""
    secrets = {"git": ["an-older-word", WORD], "provider": [SIGNING, WORD]}
    with serve_with(hook_secrets=secrets) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha256={digest(WORD)}"},
        {"X-Hub-Signature": f"sha256={digest(WORD)}"},
        {"X-Gitea-Signature": digest(WORD)},
        {"X-Forgejo-Signature": digest(WORD)},
        {"X-Gitlab-Token": WORD},
        {"X-Gitlab-Token": "an-older-word"},
        lambda: standard(WORD),
    ],
    ids=["github", "bitbucket", "gitea", "forgejo", "gitlab", "older", "standard"],
)
def test_a_hook_of_a_git_host_proves_its_secret(guarded, desk, headers):
    given = headers() if callable(headers) else headers
    assert from_elsewhere(guarded, "git", content=BODY, headers=given).status_code == 202
    desk.wait_for(lambda: desk.fetches == 1)


@pytest.mark.parametrize("at", [0, -240, 240])
def test_a_hook_of_a_provider_is_signed_by_standard_webhooks(guarded, desk, at):
    headers = standard(SIGNING, at)
    headers["webhook-signature"] = f"v1,AAAA v2,x {headers['webhook-signature']}"
    assert from_elsewhere(guarded, "provider", content=BODY, headers=headers).status_code == 202
    desk.wait_for(lambda: desk.polls == 1)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": digest(WORD)},
        {"X-Hub-Signature-256": f"sha256={digest('another')}"},
        {"X-Hub-Signature-256": f"sha256={digest(WORD, b'another body')}"},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=\xe9"},
        {"X-Gitea-Signature": ""},
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": WORD + "x"},
        lambda: standard("another"),
        lambda: standard(SIGNING, -360),
        lambda: standard(SIGNING, 360),
        lambda: {**standard(SIGNING), "webhook-id": "msg_2"},
        lambda: {**standard(SIGNING), "webhook-timestamp": "9" * 4000},
        lambda: {**standard(SIGNING), "webhook-timestamp": "soon"},
        lambda: {**standard(SIGNING), "webhook-signature": "v1,"},
        lambda: {**standard(SIGNING), "webhook-signature": "\xe9"},
        lambda: standard(SIGNING, body=b"another body"),
    ],
)
@pytest.mark.parametrize("name", ["git", "provider"])
def test_a_forged_hook_is_refused_and_counted(guarded, desk, name, headers):
    given = headers() if callable(headers) else headers
    said = {key: value.encode("latin-1") for key, value in given.items()}
    assert guarded.post(f"/hooks/{name}", content=BODY, headers=said).status_code == 401
    assert refused(guarded) == {name: 1}
    assert desk.fetches == desk.polls == 0


def test_the_signature_of_our_own_engine_is_verified(serve_with, desk, tmp_path):
    with serve_with(hook_secrets={"provider": [SIGNING]}, clock=utc_now) as client:
        hook = WebhookSettings(f"{client.base_url}/hooks/provider", SIGNING)
        engine = engine_app(EngineSettings(tmp_path, "127.0.0.1", 0, "key", webhooks=[hook]))
        with serving(engine) as address, OpenAI(api_key="key", base_url=f"{address}/v1") as openai:
            file = openai.files.create(file=("train.jsonl", b"no example"), purpose="fine-tune")
            openai.fine_tuning.jobs.create(model="recall", training_file=file.id)
            desk.wait_for(lambda: desk.polls == 1)
        assert refused(client) == {}


def test_a_job_that_ends_at_our_own_engine_rings_the_provider_hook(ringing, desk, tmp_path):
    hook = WebhookSettings(f"{ringing.base_url}/hooks/provider", f"whsec_{'c2VjcmV0' * 4}")
    engine = engine_app(EngineSettings(tmp_path, "127.0.0.1", 0, "key", webhooks=[hook]))
    with serving(engine) as address, OpenAI(api_key="key", base_url=f"{address}/v1") as client:
        file = client.files.create(file=("train.jsonl", b"no example"), purpose="fine-tune")
        client.fine_tuning.jobs.create(model="recall", training_file=file.id)
        desk.wait_for(lambda: desk.polls == 1)
        (endpoint,) = client.webhooks.list()
        assert endpoint.merlin["state"] == "on"


def test_a_flood_of_hooks_becomes_a_wish_and_one_more_after_a_rest(ringing, desk):
    assert REST_S == 5
    for _ in range(50):
        assert ringing.post("/hooks/git").status_code == 202
    desk.wait_for(lambda: desk.fetches == 2)


def test_a_hook_is_not_forgotten_while_the_database_is_silent(serve_with, desk):
    desk.error = MerlinError("away")
    with serve_with() as client:
        assert client.post("/hooks/git").status_code == 202
        desk.error = None
    assert desk.fetches == 1


@pytest.mark.parametrize("name", ["git", "provider"])
def test_a_body_may_be_64_kilobytes_and_no_byte_more(client, name):
    assert client.post(f"/hooks/{name}", content=b"x" * HOOK_BYTES).status_code == 202
    response = client.post(f"/hooks/{name}", content=b"x" * (HOOK_BYTES + 1))
    assert response.status_code == 413
    assert "64" in response.json()["detail"]


def test_a_body_of_untold_length_is_cut_off_too(client):
    def endless():
        for _ in range(1000):
            yield b"x" * 1024

    assert client.post("/hooks/git", content=endless()).status_code == 413


def test_a_hook_wants_post(client):
    response = client.get("/hooks/git")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
