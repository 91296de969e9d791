"""Webhooks: recipients, signatures and retries."""

import ssl
import stat
from contextlib import closing
from datetime import timedelta

import openai
import pytest

from merlin.config.engine import EngineSettings
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError
from merlin.core.webhook_signing import mask_secret, new_secret, signing_key
from merlin.engine.clients import Clients, Limits
from merlin.engine.context import Engine
from merlin.engine.database import Database
from merlin.engine.webhooks.delivery import WebhookSender
from merlin.engine.webhooks.endpoints import PAUSED_AFTER_S, EndpointChange, Endpoints, SsrfGuard
from tests.engine.holding_engine import serve_held_engine, start_held_job
from tests.engine.running_engine import EngineClient, serve_engine
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.http_servers import SECRET, run_receiver
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional
TYPES = [f"fine_tuning.job.{status}" for status in ("succeeded", "failed", "cancelled")]
# Longer than any test: retries happen only when a test makes them due.
PUT_OFF = {"retry-after": "3600"}


@pytest.fixture
def receiver():
    with run_receiver() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("webhooks")
    with serve_held_engine(folder) as engine, closing(Database(folder / "engine.db")) as rows:
        engine.folder, engine.rows, engine.hooks = folder, rows, engine.openai.webhooks
        yield engine


@pytest.fixture
def endpoint(engine, receiver):
    endpoint = engine.hooks.create(name="tests", url=receiver.url, event_types=TYPES)
    yield endpoint
    if engine.rows.select("SELECT 1 FROM endpoint WHERE id = ?", endpoint.id):
        engine.hooks.delete(endpoint.id)


def wait_for_events(receiver, n=1):
    wait_until(lambda: len(receiver.deliveries) >= n)
    return receiver.deliveries


def make_due(engine):
    """Make pending delivery due now."""
    engine.rows.change("UPDATE delivery SET due_at = 0 WHERE delivered_at IS NULL")
    engine.rows.change("UPDATE endpoint SET not_before = 0")


def wait_for_tries(engine, hook, tries):
    """Wait until the pending delivery has this number of recorded attempts."""

    def find_delivery():
        sql = "SELECT * FROM delivery WHERE endpoint_id = ? AND tries >= ?"
        return engine.rows.select(sql, hook.id, tries)

    row = wait_until(find_delivery)[0]
    wait_until(lambda: engine.hooks.retrieve(hook.id).merlin["failing_since"])
    return row


def test_ended_job_sends_a_signed_event_in_the_shape_of_the_openai_package(
    engine, endpoint, receiver
):
    job = engine.train()
    (delivery,) = wait_for_events(receiver)
    event = delivery.event(endpoint.signing_secret)
    assert (event.type, event.data.id) == ("fine_tuning.job.succeeded", job.id)
    assert event.object == "event"
    assert job.finished_at <= event.created_at <= utc_now().timestamp()
    assert delivery.webhook_id.startswith("wh_")
    assert delivery.headers["content-type"] == "application/json"
    with pytest.raises(openai.InvalidWebhookSignatureError):
        delivery.event(new_secret())


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_every_final_status_sends_its_event(engine, endpoint, receiver, status):
    job = (
        engine.launch(engine.upload(b'{"messages": []}\n' * 10).id) if status == "failed" else None
    )
    if job is None:
        job = start_held_job(engine)
        engine.jobs.cancel(job.id)
    engine.until(job.id, status)
    (delivery,) = wait_for_events(receiver)
    event = delivery.event(endpoint.signing_secret)
    assert (event.type, event.data.id) == (f"fine_tuning.job.{status}", job.id)


def test_only_subscribed_event_types_are_sent(engine, endpoint, receiver):
    engine.hooks.update(endpoint.id, event_types=["fine_tuning.job.failed"])
    engine.train()
    engine.train(engine.upload(b"{}\n" * 10).id)
    (delivery,) = wait_for_events(receiver)
    assert delivery.event(endpoint.signing_secret).type == "fine_tuning.job.failed"


def test_endpoints_are_created_read_updated_and_deleted_by_the_openai_package(
    engine, endpoint, receiver
):
    assert endpoint.signing_secret.startswith("whsec_")
    assert len(signing_key(endpoint.signing_secret)) == 32
    retrieved = engine.hooks.retrieve(endpoint.id)
    assert (retrieved.name, retrieved.url, retrieved.event_types) == (
        "tests",
        receiver.url,
        sorted(TYPES),
    )
    assert retrieved.signing_secret_hint == mask_secret(endpoint.signing_secret)
    assert endpoint.signing_secret not in retrieved.model_dump_json()
    assert retrieved.merlin["state"] == "on"
    assert engine.hooks.update(endpoint.id, name="other").name == "other"
    second = engine.hooks.create(name="second", url=receiver.url, event_types=TYPES[:1])
    assert [hook.id for hook in engine.hooks.list(limit=1)][:2] == [second.id, endpoint.id]
    assert engine.hooks.delete(second.id).deleted
    with pytest.raises(openai.NotFoundError):
        engine.hooks.retrieve(second.id)
    assert engine.hooks.event_types.list().data == TYPES


@pytest.mark.parametrize("keeps_old", [False, True])
def test_rotated_secret_signs_and_the_old_one_too_for_a_day_when_kept(
    engine, endpoint, receiver, keeps_old
):
    new = engine.hooks.rotate_secret(
        endpoint.id, keep_old_secret_active_for_24_hours=keeps_old
    ).signing_secret
    engine.hooks.test(endpoint.id, event_type=TYPES[0])
    (delivery,) = wait_for_events(receiver)
    delivery.event(new)
    if keeps_old:
        delivery.event(endpoint.signing_secret)
        late = Endpoints(engine.rows, lambda: utc_now() + timedelta(hours=24, seconds=1))
        assert late.list_secrets(late.get(endpoint.id)) == [new]
    else:
        with pytest.raises(openai.InvalidWebhookSignatureError):
            delivery.event(endpoint.signing_secret)


def test_test_event_returns_the_endpoints_response(engine, endpoint, receiver):
    receiver.script = [418]
    response = engine.hooks.test(endpoint.id, event_type=TYPES[1])
    assert (response.status_code, response.success, response.event_type) == (418, True, TYPES[1])
    assert engine.hooks.test(endpoint.id, event_type=TYPES[1]).status_code == 200
    receiver.shutdown()
    receiver.server_close()
    with pytest.raises(openai.BadRequestError, match="gave no answer"):
        engine.hooks.test(endpoint.id, event_type=TYPES[1])


def test_rejected_delivery_is_retried_with_the_same_id(engine, endpoint, receiver):
    receiver.script = [(500, PUT_OFF), (302, PUT_OFF)]
    job = engine.train()
    for tries in (1, 2):
        waiting = wait_for_tries(engine, endpoint, tries)
        assert waiting["delivered_at"] is None
        assert engine.hooks.retrieve(endpoint.id).merlin["waiting"] == 1
        engine.hooks.update(endpoint.id)
    deliveries = wait_for_events(receiver, 3)
    assert len({delivery.webhook_id for delivery in deliveries}) == 1
    assert len({delivery.body for delivery in deliveries}) == 1
    assert deliveries[-1].event(endpoint.signing_secret).data.id == job.id
    wait_until(lambda: engine.hooks.retrieve(endpoint.id).merlin["waiting"] == 0)


def test_untrusted_certificate_is_refused(engine, tmp_path):
    key = generate_key()
    (tmp_path / "hook.pem").write_bytes(encode_key(key) + create_certificate(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "hook.pem")
    with run_receiver(context) as receiver:
        hook = engine.hooks.create(name="tls", url=receiver.url, event_types=TYPES)
        with pytest.raises(openai.BadRequestError, match="Certificate"):
            engine.hooks.test(hook.id, event_type=TYPES[0])
        engine.hooks.delete(hook.id)
        assert receiver.deliveries == []


def test_redirect_is_not_followed(engine, endpoint, receiver):
    with run_receiver() as other:
        receiver.script = [(307, {"location": other.url})]
        engine.train()
        assert "307" in wait_for_tries(engine, endpoint, 1)["trouble"]
        assert other.deliveries == []


def test_retry_after_is_respected(engine, endpoint, receiver):
    receiver.script = [(503, {"retry-after": "3600"})]
    engine.train()
    wait_for_tries(engine, endpoint, 1)

    def not_before():
        sql = "SELECT not_before FROM endpoint WHERE id = ?"
        return engine.rows.select(sql, endpoint.id)[0]["not_before"]

    wait_until(not_before)
    assert not_before() > utc_now().timestamp() + 3500


def test_endpoint_that_answered_410_gets_no_deliveries_until_it_is_updated(
    engine, endpoint, receiver
):
    receiver.script = [410]
    engine.train()
    wait_until(lambda: engine.hooks.retrieve(endpoint.id).merlin["state"] == "gone")
    engine.train()
    assert engine.hooks.retrieve(endpoint.id).merlin["waiting"] == 1
    assert len(receiver.deliveries) == 1
    assert engine.hooks.update(endpoint.id, name="here again").merlin["state"] == "on"
    assert len(wait_for_events(receiver, 2)) == 2


def test_endpoint_failing_for_a_week_is_paused_and_its_deliveries_kept(engine, endpoint, receiver):
    receiver.script = [(500, PUT_OFF), 500]
    engine.train()
    wait_for_tries(engine, endpoint, 1)
    long_ago = utc_now().timestamp() - PAUSED_AFTER_S - 60
    engine.rows.change("UPDATE endpoint SET failing_since = ? WHERE id = ?", long_ago, endpoint.id)
    make_due(engine)
    engine.train()
    wait_until(lambda: engine.hooks.retrieve(endpoint.id).merlin["state"] == "paused")
    document = engine.hooks.retrieve(endpoint.id).merlin
    assert document["waiting"] == 2
    assert document["trouble"] == "HTTP 500"
    assert engine.hooks.test(endpoint.id, event_type=TYPES[0]).status_code == 200
    wait_until(lambda: engine.hooks.retrieve(endpoint.id).merlin["waiting"] == 0)
    assert engine.hooks.retrieve(endpoint.id).merlin["state"] == "on"


def test_configured_endpoint_works_and_cannot_be_changed_by_the_api(tmp_path, receiver):
    with serve_engine(tmp_path, webhooks={receiver.url: SECRET}) as engine:
        job = engine.train()
        (delivery,) = wait_for_events(receiver)
        assert delivery.event().data.id == job.id
        (hook,) = engine.openai.webhooks.list()
        assert (hook.url, hook.merlin["is_of_config"]) == (receiver.url, True)
        for act in (engine.openai.webhooks.delete, engine.openai.webhooks.rotate_secret):
            with pytest.raises(openai.BadRequestError, match=r"engine\.webhooks"):
                act(hook.id)
    with serve_engine(tmp_path) as engine:
        assert list(engine.openai.webhooks.list()) == []


def test_undelivered_events_are_sent_after_a_restart(tmp_path, receiver):
    webhooks = {receiver.url: SECRET}
    receiver.script = [500] * 9
    with serve_engine(tmp_path, webhooks=webhooks) as engine:
        engine.train()
        wait_for_events(receiver)
    refused = [*receiver.deliveries]  # on a busy machine it was tried again meanwhile
    receiver.script.clear()
    with serve_engine(tmp_path, webhooks=webhooks):
        delivered = wait_for_events(receiver, len(refused) + 1)[-1]
    assert {delivery.webhook_id for delivery in refused} == {delivered.webhook_id}


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("ftp://a.example/", SECRET),
        ("", SECRET),
        ("https://a.example/", "whsec_?"),
        ("https://a.example/", ""),
    ],
)
def test_invalid_configured_webhook_stops_startup(tmp_path, url, secret):
    settings = EngineSettings(tmp_path / "e", "127.0.0.1", 0, "k", webhooks={url: secret})
    with pytest.raises(ConfigError, match=r"engine\.webhooks"):
        Engine(settings)


def test_client_gets_events_of_its_own_jobs_and_sees_its_own_endpoints(engine, endpoint, receiver):
    key = Clients(engine.rows).add("anna", Limits())
    with closing(EngineClient(engine.port, key)) as anna, run_receiver() as hers:
        hook = anna.openai.webhooks.create(name="hers", url=hers.url, event_types=TYPES)
        assert [webhook.id for webhook in anna.openai.webhooks.list()] == [hook.id]
        with pytest.raises(openai.NotFoundError):
            anna.openai.webhooks.retrieve(endpoint.id)
        with pytest.raises(openai.BadRequestError, match="after"):
            anna.openai.webhooks.list(after=endpoint.id)
        engine.train()
        job = anna.train()
        wait_for_events(receiver, 2)
        (delivery,) = wait_for_events(hers)
        assert delivery.event(hook.signing_secret).data.id == job.id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 5),
        ("name", "x" * 257),
        ("event_types", []),
        ("event_types", ["batch.completed"]),
        ("event_types", "fine_tuning.job.failed"),
        ("url", 5),
        ("url", "https://user:word@example.com/"),
        ("url", "https://example.com/#there"),
        ("url", "https://пример.рф/"),
        ("url", "https://[::1/"),
        ("url", "gopher://example.com/"),
        ("url", "http://example.com/"),
        ("url", "https://10.0.0.1/"),
        ("url", "https://169.254.169.254/latest"),
        ("url", "https://[::ffff:10.0.0.1]/"),
        ("url", "https://[fd00::1]/"),
        ("url", "https://2130706433/"),
        ("url", "https://0/"),
        ("url", "https://example..com/"),
        ("url", f"https://{'a' * 64}.com/"),
        ("url", "https://" + "a" * 2048),
    ],
)
def test_invalid_endpoint_field_is_named(engine, field, value):
    body = {"name": "tests", "url": "https://example.com/", "event_types": TYPES, field: value}
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.post("/webhook_endpoints", body=body, cast_to=object)
    assert refused.value.param == field


def test_database_file_is_readable_only_by_its_owner(engine):
    for path in engine.folder.glob("engine.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_old_delivered_events_are_deleted(tmp_path):
    with closing(Database(tmp_path / "engine.db")) as rows:
        Endpoints(rows).sync_config({"https://a.example/": SECRET})
        rows.change(
            "INSERT INTO job (id, created_at, status, base, training_file, suffix, seed, metadata,"
            " hyperparameters) VALUES ('j', 0, 'running', 'recall', 'f', '', 1, '{}', '{}')"
        )
        for days in (40, 0):
            outbox = Endpoints(rows, lambda days=days: utc_now() - timedelta(days=days))
            outbox.add_deliveries("j", "succeeded")
            outbox.note_delivered(outbox.list_next_deliveries()[0]["id"])
        assert outbox.count_waiting() == 0
        assert rows.select("SELECT COUNT(*) AS n FROM delivery") == [{"n": 1}]


def test_clock_set_back_does_not_delay_a_delivery(tmp_path, receiver):
    ahead = [timedelta(days=1)]

    def clock():
        return utc_now() + ahead[0]

    receiver.script[:] = [500]
    with closing(Database(tmp_path / "engine.db")) as rows:
        endpoints = Endpoints(rows, clock)
        document = endpoints.add(
            EndpointChange(name="tests", url=receiver.url, event_types=TYPES), ""
        )
        now = clock().timestamp()
        sql = "INSERT INTO delivery (id, endpoint_id, body, created_at, due_at) VALUES"
        rows.change(f"{sql} ('wh_1', ?, '{{}}', ?, ?)", document["id"], now, now)
        settings = EngineSettings(tmp_path, "127.0.0.1", 0, "key")
        courier = WebhookSender(endpoints, SsrfGuard(settings), clock)
        courier.start()
        try:
            tries = "SELECT tries FROM delivery WHERE tries > 0"
            wait_until(lambda: rows.select(tries))
            ahead[0] = timedelta()
            wait_for_events(receiver, 2)
        finally:
            courier.stop()
