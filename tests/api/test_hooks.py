"""Webhooks over real HTTP; the payment webhook is in test_forged_requests.py."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from merlin.api.hooks import REST_S
from merlin.api.problems import HOOK_BYTES
from merlin.app.inbox import Inbox, Owner
from merlin.core.clock import utc_now
from merlin.core.webhook_signing import signing_key
from merlin.db.database import open_database
from merlin.db.requests import Requests, RequestState
from merlin.db.tables import REQUEST
from merlin.db.tables import UPDATE as UPDATES
from tests.api.running_api import SECRET, run_api
from tests.api.sign_in_data import BOT, TOKEN
from tests.support.metrics_page import metric_value
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
UPDATE = {
    "update_id": 5,
    "message": {"message_id": 1, "chat": {"id": 42}, "from": {"id": 42}, "text": "Привет"},
}


def requested_kinds(database):
    """Return the kinds of requests that hooks have made to the daemon, oldest first."""
    rows = database.rows(REQUEST.select().where(REQUEST.by_whom == "api:hook"))
    return [row["kind"] for row in rows]


def wait_for_one(database, kind):
    """Wait until this is the only request to the daemon."""
    wait_until(lambda: requested_kinds(database) == [kind])


@pytest.fixture(scope="module")
def one_hook(tmp_path_factory):
    with run_api(tmp_path_factory.mktemp("hooked"), token=TOKEN, webhook_secret=SECRET) as site:
        yield site


@pytest.fixture
def hooked(one_hook):
    """An API in webhook mode with no updates stored."""
    one_hook.db.change(UPDATES.delete())
    return one_hook


def stored_updates(database):
    """Return id, chat and body of each stored update."""
    updates = Inbox(database, BOT).claim(Owner("here", "boot", 1, 1), 10)
    return [(update.update_id, update.chat_id, update.body) for update in updates]


def test_update_is_stored_before_it_is_acknowledged(hooked):
    for _ in range(2):
        answer = hooked.client.post("/hooks/telegram", json=UPDATE, headers=HEADERS)
        assert answer.status_code == 200
    assert stored_updates(hooked.db) == [(5, 42, UPDATE)]


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET[:-1], "\xe9"])
def test_forged_update_is_refused(hooked, secret):
    headers = (
        {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret.encode("latin-1")}
    )
    response = hooked.client.post("/hooks/telegram", json=UPDATE, headers=headers)
    assert response.status_code == 401
    assert response.json()["type"] == "urn:merlin:problem:unauthorized"
    assert stored_updates(hooked.db) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b'{"message":{}}', b"\xff\xfe", b"[" * 100_000]
)
def test_invalid_update_returns_400(hooked, body):
    response = hooked.client.post("/hooks/telegram", content=body, headers=HEADERS)
    assert response.status_code == 400
    assert stored_updates(hooked.db) == []


@pytest.mark.parametrize("missing", ["token", "webhook_secret"])
def test_telegram_hook_returns_404_without_webhook_mode(run_client, missing):
    fields = {"token": TOKEN, "webhook_secret": SECRET, missing: ""}
    with run_client(**fields) as client:
        response = client.post("/hooks/telegram", json=UPDATE, headers=HEADERS)
        assert response.status_code == 404


def test_database_outage_rejects_updates_for_retry_and_keeps_hook_requests(tmp_path, postgresql):
    url = postgresql.create()
    with run_api(tmp_path, url, token=TOKEN, webhook_secret=SECRET) as site:
        with postgresql.stopped():
            refused = site.client.post("/hooks/telegram", json=UPDATE, headers=HEADERS)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert site.client.post("/hooks/git").status_code == 202
        assert site.client.post("/hooks/telegram", json=UPDATE, headers=HEADERS).status_code == 200
        # This thread's connection ended with the server.
        with open_database(url, cipher=site.db.cipher) as database:
            assert len(stored_updates(database)) == 1
            wait_for_one(database, "fetch")


def test_git_hook_requests_a_fetch(site):
    assert site.client.post("/hooks/git", content=b"anything at all").status_code == 202
    wait_for_one(site.db, "fetch")


def test_provider_hook_requests_a_poll(site):
    assert site.client.post("/hooks/provider", json={"forged": True}).status_code == 202
    wait_for_one(site.db, "poll")


def call_through_proxy(client, name, **options):
    """Call a hook as the reverse proxy of a public API does."""
    headers = {"X-Forwarded-For": "203.0.113.7", **options.pop("headers", {})}
    return client.post(f"/hooks/{name}", headers=headers, **options)


def refused_counts(client):
    """Return the counts of refused hook calls from the metrics, by hook."""
    page = client.get("/metrics").text
    counts = {
        hook: metric_value(page, "merlin_hooks_refused_total", hook=hook)
        for hook in ("git", "provider", "telegram")
    }
    return {hook: count for hook, count in counts.items() if count is not None}


@pytest.mark.parametrize("name", ["git", "provider"])
def test_hook_without_a_secret_is_accepted_from_localhost_only(site, name):
    answer = call_through_proxy(site.client, name)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:merlin:problem:unauthorized"
    assert refused_counts(site.client) == {name: 1}
    forged = {"X-Forwarded-For": "127.0.0.1"}
    assert site.client.post(f"/hooks/{name}", headers=forged).status_code == 401
    assert site.client.post(f"/hooks/{name}").status_code == 202
    wait_for_one(site.db, {"git": "fetch", "provider": "poll"}[name])


BODY = b'{"ref": "refs/heads/main"}'
WORD = "a-word-that-the-host-was-told"
SIGNING = f"whsec_{base64.b64encode(b'24 bytes at least, they say').decode()}"


def signature_headers(secret, body=BODY):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_headers(secret, at=0, body=BODY):
    sent_at = utc_now() + timedelta(seconds=at)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(signing_key(secret)).sign("msg_1", sent_at, body.decode()),
    }


@pytest.fixture
def guarded(tmp_path):
    """An API whose hooks have two secrets each, as during a rotation."""
    secrets = {"git": ["an-older-word", WORD], "provider": [SIGNING, WORD]}
    with run_api(tmp_path, hook_secrets=secrets) as site:
        yield site


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory):
    """The same, shared by tests of refused calls."""
    secrets = {"git": ["an-older-word", WORD], "provider": [SIGNING, WORD]}
    with run_api(tmp_path_factory.mktemp("unmoved"), hook_secrets=secrets) as site:
        yield site


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha256={signature_headers(WORD)}"},
        {"X-Gitlab-Token": WORD},
        {"X-Gitlab-Token": "an-older-word"},
        lambda: standard_headers(WORD),
    ],
    ids=["github", "gitlab", "older", "standard"],
)
def test_git_hook_accepts_the_secret_of_every_git_host(guarded, headers):
    sent_headers = headers() if callable(headers) else headers
    assert (
        call_through_proxy(guarded.client, "git", content=BODY, headers=sent_headers).status_code
        == 202
    )
    wait_for_one(guarded.db, "fetch")


@pytest.mark.parametrize("at", [0, -240, 240])
def test_provider_hook_accepts_standard_webhooks_signatures(guarded, at):
    headers = standard_headers(SIGNING, at)
    headers["webhook-signature"] = f"v1,AAAA v2,x {headers['webhook-signature']}"
    assert (
        call_through_proxy(guarded.client, "provider", content=BODY, headers=headers).status_code
        == 202
    )
    wait_for_one(guarded.db, "poll")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": signature_headers(WORD)},
        {"X-Hub-Signature-256": f"sha256={signature_headers('another')}"},
        {"X-Hub-Signature-256": f"sha256={signature_headers(WORD, b'another body')}"},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=\xe9"},
        {"X-Hub-Signature": f"sha256={signature_headers(WORD)}"},
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": WORD + "x"},
        lambda: standard_headers("another"),
        lambda: standard_headers(SIGNING, -360),
        lambda: standard_headers(SIGNING, 360),
        lambda: {**standard_headers(SIGNING), "webhook-id": "msg_2"},
        lambda: {**standard_headers(SIGNING), "webhook-timestamp": "9" * 4000},
        lambda: {**standard_headers(SIGNING), "webhook-timestamp": "soon"},
        lambda: {**standard_headers(SIGNING), "webhook-signature": "v1,"},
        lambda: {**standard_headers(SIGNING), "webhook-signature": "\xe9"},
        lambda: standard_headers(SIGNING, body=b"another body"),
    ],
)
@pytest.mark.parametrize("name", ["git", "provider"])
def test_forged_hook_is_refused_and_counted(unmoved, name, headers):
    before = refused_counts(unmoved.client).get(name, 0)
    sent_headers = headers() if callable(headers) else headers
    encoded = {key: value.encode("latin-1") for key, value in sent_headers.items()}
    answer = unmoved.client.post(f"/hooks/{name}", content=BODY, headers=encoded)
    assert answer.status_code == 401
    assert refused_counts(unmoved.client)[name] == before + 1
    assert requested_kinds(unmoved.db) == []


def test_many_hook_calls_lead_to_one_request_and_one_more_after_the_pause(site):
    assert REST_S == 5
    for _ in range(50):
        assert site.client.post("/hooks/git").status_code == 202
    wait_for_one(site.db, "fetch")
    requests = Requests(site.db)
    requests.finish(requests.claim(["fetch"]).request_id, RequestState.DONE, {})
    wait_until(lambda: requested_kinds(site.db) == ["fetch", "fetch"])


@pytest.mark.parametrize("name", ["git", "provider"])
def test_hook_body_limit_is_64_kilobytes(client, name):
    assert client.post(f"/hooks/{name}", content=b"x" * HOOK_BYTES).status_code == 202
    response = client.post(f"/hooks/{name}", content=b"x" * (HOOK_BYTES + 1))
    assert response.status_code == 413
    assert "64" in response.json()["detail"]
