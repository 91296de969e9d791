"""API clients: their keys, their limits, and that they see only their own resources."""

from contextlib import closing
from itertools import count

import httpx2
import openai
import pytest

from merlin.config.engine import EngineSettings
from merlin.core.errors import NotFound, Refused
from merlin.engine.clients import Clients, Limits
from merlin.engine.database import Database
from merlin.engine.main import create_app
from tests.engine.running_engine import (
    QUESTION,
    EngineClient,
    build_training_file,
    connect,
    serve_engine,
)
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional
NUMBERS = count()


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    """An engine, and its database opened separately, as `merlin engine keys` does."""
    folder = tmp_path_factory.mktemp("clients")
    with serve_engine(folder) as engine, closing(Database(folder / "engine.db")) as rows:
        engine.clients = Clients(rows)
        yield engine


@pytest.fixture
def connect_client(owner):
    """Return a function that adds a client and connects as it."""
    clients = []

    def add(**limits):
        name = f"client {next(NUMBERS)}"
        clients.append(EngineClient(owner.port, owner.clients.add(name, Limits(**limits))))
        clients[-1].name = name
        return clients[-1]

    yield add
    for engine in clients:
        engine.close()


def call(engine, method, path, **options):
    head = {"Authorization": f"Bearer {engine.key}"}
    url = f"http://127.0.0.1:{engine.port}{path}"
    return httpx2.request(method, url, headers=head, timeout=longest(), **options)


def test_key_is_accepted_until_it_is_revoked(owner, connect_client):
    anna = connect_client()
    assert anna.key.startswith("mre_")
    assert len(anna.key) == 47
    assert [model.id for model in anna.openai.models.list()] == ["recall"]
    client = find_client(owner, anna)
    assert (client.hint, client.revoked_at) == (anna.key[:8], None)
    assert client.used_on is not None
    owner.clients.revoke(client.name)
    with pytest.raises(openai.AuthenticationError, match="revoked"):
        anna.openai.models.list()
    with pytest.raises(NotFound):
        owner.clients.revoke(client.name)


def test_only_a_digest_of_a_key_is_stored(owner, connect_client, tmp_path_factory):
    anna = connect_client()
    anna.openai.models.list()
    folder = tmp_path_factory.getbasetemp()
    stored = b"".join(path.read_bytes() for path in folder.glob("clients*/engine.db*"))
    assert anna.key[:8].encode() in stored
    assert anna.key.encode() not in stored


def test_client_keeps_its_files_when_it_gets_a_new_key(owner, connect_client):
    anna = connect_client()
    file = anna.upload()
    with pytest.raises(Refused):
        owner.clients.add(anna.name, Limits())
    owner.clients.revoke(anna.name)
    with connect(owner.port, owner.clients.add(anna.name, Limits())) as second:
        assert [file_object.id for file_object in second.files.list()] == [file.id]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_unreadable_client_name_is_refused(owner, name):
    with pytest.raises(Refused):
        owner.clients.add(name, Limits())


def test_requests_over_the_limit_get_429_with_retry_after(connect_client):
    anna = connect_client(requests_per_minute=2)
    answers = [call(anna, "GET", "/v1/models") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert left == ["1", "0", "0"]
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["x-ratelimit-limit-requests"] == "2"
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    with pytest.raises(openai.RateLimitError):
        anna.openai.models.list()


def test_owners_key_has_no_limits(owner, connect_client):
    connect_client(requests_per_minute=1)
    for _ in range(3):
        answer = owner.openai.models.with_raw_response.list()
        assert "x-ratelimit-limit-requests" not in answer.headers


def test_tokens_of_answers_are_counted_until_the_day_ends(owner, connect_client):
    anna = connect_client(tokens_per_day=10_000)
    tokens = anna.ask("recall").usage.total_tokens
    assert tokens > 0
    assert read_usage(owner, anna)["tokens"] == tokens
    stream = anna.ask("recall", stream=True, stream_options={"include_usage": True})
    tokens += [chunk.usage for chunk in stream][-1].total_tokens
    assert (read_usage(owner, anna)["tokens"], read_usage(owner, anna)["answers"]) == (tokens, 2)
    answer = call(anna, "GET", "/v1/models")
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(10_000 - tokens)


def find_client(owner, engine):
    return next(client for client in owner.clients.list_all() if client.name == engine.name)


def read_usage(owner, engine):
    return owner.clients.read_usage(find_client(owner, engine))


def test_client_without_tokens_left_gets_no_answers_but_may_use_other_routes(connect_client):
    anna = connect_client(tokens_per_day=1)
    anna.ask("recall")
    with pytest.raises(openai.RateLimitError, match="tokens a day") as refused:
        anna.ask("recall")
    assert refused.value.type == "tokens"
    assert int(refused.value.response.headers["retry-after"]) > 0
    assert anna.upload().id in [file.id for file in anna.openai.files.list()]


def test_abandoned_answer_is_counted(owner, connect_client):
    anna = connect_client()
    with anna.ask("recall", QUESTION, stream=True) as stream:
        next(iter(stream))
    wait_until(lambda: read_usage(owner, anna)["answers"] == 1)


def test_unfinished_jobs_are_limited(tmp_path):
    with (
        serve_engine(tmp_path, pace_s=600) as engine,
        closing(Database(tmp_path / "engine.db")) as r,
    ):
        key = Clients(r).add("anna", Limits(jobs=1))
        with closing(connect(engine.port, key)) as client:
            file = client.files.create(file=("t.jsonl", build_training_file()), purpose="fine-tune")
            create = client.fine_tuning.jobs.create
            first = create(model="recall", training_file=file.id)
            with pytest.raises(openai.RateLimitError, match="At most 1 jobs"):
                create(model="recall", training_file=file.id)
            client.fine_tuning.jobs.cancel(first.id)
            create(model="recall", training_file=file.id)


def test_file_bytes_are_limited_and_a_refused_upload_leaves_nothing(owner, connect_client):
    size = len(build_training_file())
    anna = connect_client(bytes=size)
    file = anna.upload()
    with pytest.raises(openai.PermissionDeniedError, match="delete some first"):
        anna.upload()
    anna.openai.files.delete(file.id)
    assert anna.upload().bytes == size
    with pytest.raises(openai.PermissionDeniedError, match=f"{2 * size} bytes.*Upload less"):
        anna.openai.files.create(file=("2.jsonl", 2 * build_training_file()), purpose="fine-tune")


def test_idempotency_keys_are_separate_per_client(connect_client):
    anna, boris = connect_client(), connect_client()
    head = {"Idempotency-Key": "same"}
    assert anna.upload(extra_headers=head).id == anna.upload(extra_headers=head).id
    assert boris.upload(extra_headers=head).id != anna.upload(extra_headers=head).id


def test_revoked_key_is_refused_by_an_engine_without_its_own_key(tmp_path):
    rows = Database(tmp_path / "engine.db")
    with serve_engine(tmp_path, key="") as engine, closing(rows):
        clients = Clients(rows)
        key = clients.add("anna", Limits())
        clients.revoke("anna")
        for sent_key, status in ((key, 401), ("mre_unknown", 401), ("anything", 200)):
            engine.key = sent_key
            assert call(engine, "GET", "/v1/models").status_code == status


# Ownership


def list_routes():
    """Return all routes whose path names a resource."""
    app = create_app(EngineSettings("nowhere", "127.0.0.1", 0, "key"))
    paths = app.openapi()["paths"].items()
    return sorted((method, path) for path, methods in paths for method in methods if "{" in path)


@pytest.fixture(scope="module")
def annas_resources(owner):
    """The resources of a client: a file, a successful job, its model."""
    engine = EngineClient(owner.port, owner.clients.add("anna", Limits()))
    job = engine.train()
    assert job.status == "succeeded"
    yield (
        engine,
        {
            "file_id": job.training_file,
            "job_id": job.id,
            "name": job.fine_tuned_model,
        },
    )
    engine.close()


@pytest.mark.parametrize(("method", "path"), list_routes())
def test_another_clients_resource_returns_404(connect_client, annas_resources, method, path):
    engine, things = annas_resources
    boris = connect_client()
    before = look(engine, things)
    answer = call(boris, method, path.format(**things))
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["code"] in {None, "model_not_found"}
    unknown = call(boris, method, path.format(**dict.fromkeys(things, "nothing")))
    assert (
        unknown.json()["error"]["message"].split()[:2]
        == (answer.json()["error"]["message"].split()[:2])
    )
    assert look(engine, things) == before


def look(engine, things):
    return (
        engine.openai.files.retrieve(things["file_id"]),
        engine.jobs.retrieve(things["job_id"]),
        engine.openai.models.retrieve(things["name"]),
        engine.events(things["job_id"]),
    )


def test_lists_show_a_client_its_own_resources_and_the_owner_all(
    owner, connect_client, annas_resources
):
    engine, things = annas_resources
    boris = connect_client()
    assert list(boris.openai.files.list()) == []
    assert list(boris.jobs.list()) == []
    assert [model.id for model in boris.openai.models.list()] == ["recall"]
    for seer in (engine, owner):
        assert things["file_id"] in [file.id for file in seer.openai.files.list()]
        assert things["job_id"] in [job.id for job in seer.jobs.list()]
        assert things["name"] in [model.id for model in seer.openai.models.list()]


def test_paging_after_another_clients_resource_is_refused(connect_client, annas_resources):
    _, things = annas_resources
    boris = connect_client()
    with pytest.raises(openai.BadRequestError, match="after"):
        boris.jobs.list(after=things["job_id"])
    with pytest.raises(openai.BadRequestError, match="after"):
        boris.openai.files.list(after=things["file_id"])


def test_another_clients_file_cannot_be_trained_on_nor_its_model_asked(
    connect_client, annas_resources
):
    engine, things = annas_resources
    boris = connect_client()
    with pytest.raises(openai.BadRequestError, match="there is no file"):
        boris.launch(things["file_id"])
    (step, *_) = engine.jobs.checkpoints.list(things["job_id"])
    for name in (things["name"], step.fine_tuned_model_checkpoint):
        assert engine.ask(name).choices
        with pytest.raises(openai.NotFoundError):
            boris.ask(name)
        with pytest.raises(openai.NotFoundError):
            boris.openai.embeddings.create(model=name, input="стек")
