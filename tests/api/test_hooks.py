"""Webhooks over real HTTP; the payment webhook is in test_forged_requests.py."""

import hashlib
import hmac

import pytest

from merlin.api.problems import HOOK_BYTES
from merlin.app.inbox import Inbox, Owner
from merlin.db.database import open_database
from merlin.db.tables import REQUEST, TELEGRAM_UPDATE
from tests.api.running_api import SECRET, check_problem, run_api
from tests.api.sign_in_data import BOT, TOKEN
from tests.support.metrics_page import metric_value

pytestmark = pytest.mark.functional

HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
UPDATE = {
    "update_id": 5,
    "message": {
        "message_id": 1,
        "chat": {"id": 42},
        "from": {"id": 42},
        "text": "Привет",
    },
}


def requested_kinds(database):
    """Return the kinds of requests that hooks have made to the daemon, oldest first."""
    rows = database.rows(REQUEST.select().where(REQUEST.by_whom == "api:hook"))
    return [row.kind for row in rows]


@pytest.fixture(scope="module")
def one_hook(tmp_path_factory):
    with run_api(
        tmp_path_factory.mktemp("hooked"), token=TOKEN, webhook_secret=SECRET
    ) as site:
        yield site


@pytest.fixture
def hooked(one_hook):
    """An API in webhook mode with no updates stored."""
    one_hook.db.change(TELEGRAM_UPDATE.delete())
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


@pytest.mark.parametrize(
    "secret", [None, "", "wrong", SECRET + "x", SECRET[:-1], "\xe9"]
)
def test_forged_update_is_refused(hooked, secret):
    headers = (
        {}
        if secret is None
        else {"X-Telegram-Bot-Api-Secret-Token": secret.encode("latin-1")}
    )
    response = hooked.client.post("/hooks/telegram", json=UPDATE, headers=headers)
    check_problem(response, 401, "unauthorized")
    assert stored_updates(hooked.db) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'{"message":{}}', b"\xff\xfe", b"[" * 100_000],
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


def test_database_outage_rejects_updates_for_retry(tmp_path, postgresql):
    url = postgresql.create()
    with run_api(tmp_path, url, token=TOKEN, webhook_secret=SECRET) as site:
        with postgresql.stopped():
            refused = site.client.post("/hooks/telegram", json=UPDATE, headers=HEADERS)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert site.client.post("/hooks/git").status_code == 503
        assert (
            site.client.post(
                "/hooks/telegram", json=UPDATE, headers=HEADERS
            ).status_code
            == 200
        )
        # This thread's connection ended with the server.
        with open_database(url, cipher=site.db.cipher) as database:
            assert len(stored_updates(database)) == 1
            assert requested_kinds(database) == []


def refused_count(client):
    """Return the count of refused calls of the git hook from the metrics."""
    return (
        metric_value(
            client.get("/metrics").text, "merlin_hooks_refused_total", hook="git"
        )
        or 0
    )


def test_hook_without_a_secret_is_accepted_from_localhost_only(site):
    for address in ("203.0.113.7", "127.0.0.1"):
        answer = site.client.post("/hooks/git", headers={"X-Forwarded-For": address})
        check_problem(answer, 401, "unauthorized")
    assert refused_count(site.client) == 2
    assert site.client.post("/hooks/git").status_code == 202
    assert requested_kinds(site.db) == ["fetch"]


BODY = b'{"ref": "refs/heads/main"}'
WORD = "a-word-that-the-host-was-told"


def signature(secret, body=BODY):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """An API whose git hook has two secrets, as during a rotation."""
    secrets = ["an-older-word", WORD]
    with run_api(tmp_path_factory.mktemp("guarded"), git_secrets=secrets) as site:
        yield site


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Hub-Signature-256": f"sha256={signature(WORD)}"},
        {"X-Gitlab-Token": WORD},
        {"X-Gitlab-Token": "an-older-word"},
    ],
    ids=["github", "gitlab", "older"],
)
def test_git_hook_accepts_the_secret_of_every_git_host(guarded, headers):
    sent_headers = {"X-Forwarded-For": "203.0.113.7", **headers}
    response = guarded.client.post("/hooks/git", content=BODY, headers=sent_headers)
    assert response.status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": signature(WORD)},
        {"X-Hub-Signature-256": f"sha256={signature('another')}"},
        {"X-Hub-Signature-256": f"sha256={signature(WORD, b'another body')}"},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=\xe9"},
        {"X-Hub-Signature": f"sha256={signature(WORD)}"},
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": WORD + "x"},
    ],
)
def test_forged_hook_is_refused_and_counted(guarded, headers):
    before = refused_count(guarded.client)
    asked = requested_kinds(guarded.db)
    encoded = {key: value.encode("latin-1") for key, value in headers.items()}
    answer = guarded.client.post("/hooks/git", content=BODY, headers=encoded)
    assert answer.status_code == 401
    assert refused_count(guarded.client) == before + 1
    assert requested_kinds(guarded.db) == asked


def test_hook_body_limit_is_64_kilobytes(client):
    assert client.post("/hooks/git", content=b"x" * HOOK_BYTES).status_code == 202
    response = client.post("/hooks/git", content=b"x" * (HOOK_BYTES + 1))
    assert response.status_code == 413
    assert "64" in response.json()["detail"]
