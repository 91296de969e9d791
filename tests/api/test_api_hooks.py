"""The hooks over real HTTP; that of payments is in test_api_forged.py."""

from __future__ import annotations

import pytest
from api_world import SECRET, serving
from openai import OpenAI

from merlin.api.body import HOOK_BYTES
from merlin.core.errors import MerlinError
from merlin.engine.server import create_app as engine_app
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


def test_a_job_that_ends_at_our_own_engine_rings_the_provider_hook(ringing, desk, tmp_path):
    hook = WebhookSettings(f"{ringing.base_url}/hooks/provider", f"whsec_{'c2VjcmV0' * 4}")
    engine = engine_app(EngineSettings(tmp_path, "127.0.0.1", 0, "key", webhooks=[hook]))
    with serving(engine) as address, OpenAI(api_key="key", base_url=f"{address}/v1") as client:
        file = client.files.create(file=("train.jsonl", b"no example"), purpose="fine-tune")
        client.fine_tuning.jobs.create(model="recall", training_file=file.id)
        desk.wait_for(lambda: desk.polls == 1)
        (endpoint,) = client.webhooks.list()
        assert endpoint.merlin["state"] == "on"


def test_a_flood_of_hooks_becomes_a_few_wishes(ringing, desk):
    for _ in range(50):
        assert ringing.post("/hooks/git").status_code == 202
    desk.wait_for(lambda: desk.fetches >= 1)
    assert desk.fetches < 25


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
