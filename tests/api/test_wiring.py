"""The API on a real database: what it reads and stores."""

from inspect import signature

import pytest
from httpx import Client

from merlin.api.app import create_app
from merlin.api.auth import Caller
from merlin.app.context import Context
from merlin.app.inbox import Inbox
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError
from merlin.core.heartbeat import Heartbeat
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.processes import Heartbeats, read_change_counter
from merlin.db.requests import Requests, RequestState
from merlin.db.writer import Store
from tests.support.http_servers import serve_app
from tests.support.metrics_page import metric_value
from tests.support.migrated_databases import fresh_database
from tests.support.process_settings import ProcessSettings, api_services

pytestmark = pytest.mark.integration

TOKEN = "4242:a-token-for-tests"
HEADERS = {"X-Telegram-Bot-Api-Secret-Token": "word"}


@pytest.fixture
def settings(tmp_path):
    return ProcessSettings(
        database=fresh_database(tmp_path / "merlin.db"),
        state_dir=tmp_path,
        token=TOKEN,
        webhook_secret="word",
    )


def test_a_caller_and_a_context_run_operations_with_the_same_arguments():
    assert signature(Caller.read) == signature(Context.read)
    assert signature(Caller.write) == signature(Context.write)


@pytest.fixture
def database(settings):
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        yield database


@pytest.fixture
def writer(database):
    writer = Store(database)
    yield writer
    writer.close()


@pytest.fixture
def client(settings, writer):
    app = create_app(api_services(settings, writer))
    with serve_app(app) as address, Client(base_url=address) as client:
        yield client


def count_waiting_fetches(database):
    requests = Requests(database)
    count = 0
    while (request := requests.claim(["fetch"])) is not None:
        requests.finish(request.request_id, RequestState.DONE, {})
        count += 1
    return count


def test_heartbeats_reach_readyz_and_metrics(client, database):
    now = utc_now()
    beat = Heartbeat("daemon", "here", 1, now, now, "fetch", {"fetch_success": 2})
    Heartbeats(database).beat(beat)
    assert client.get("/readyz").json()["processes"]["daemon"]["alive"] is True
    page = client.get("/metrics").text
    fetched = {"process": "daemon", "host": "here", "task": "fetch", "status": "success"}
    assert metric_value(page, "merlin_task_rounds_total", **fetched) == 2
    assert metric_value(page, "merlin_queue_depth", queue="updates") == 0


def test_update_sent_twice_is_stored_once_and_wakes_the_bot(client, settings, database):
    before = read_change_counter(database)
    update = {"update_id": 9, "message": {"chat": {"id": 3}, "from": {"id": 3}, "text": "Привет"}}
    for _ in range(2):
        assert client.post("/hooks/telegram", json=update, headers=HEADERS).status_code == 200
    rows = Inbox(database, 4242)
    assert rows.count_unfinished() == 1
    assert read_change_counter(database) > before


def test_at_most_one_fetch_from_hooks_is_waiting(settings, database, writer):
    for _ in range(2):
        app = create_app(api_services(settings, writer))
        with serve_app(app) as address, Client(base_url=address) as client:
            for _ in range(20):
                client.post("/hooks/git")
        assert count_waiting_fetches(database) == 1


def test_invalid_token_is_refused_without_being_shown(tmp_path, writer):
    settings = ProcessSettings(database="sqlite:///x", state_dir=tmp_path, token="geheim")
    with pytest.raises(ConfigError) as caught:
        api_services(settings, writer)
    assert "geheim" not in str(caught.value)
