"""Clients: keys of their own, what they may use, and that they see only what is theirs."""

from __future__ import annotations

from contextlib import closing
from itertools import count

import httpx2
import openai
import pytest

from merlin.config.engine import EngineSettings
from merlin.core.errors import NotFound, Refused
from merlin.engine.clients import Clients, Limits
from merlin.engine.database import Rows
from merlin.engine.main import create_app
from tests.engine.running_engine import QUESTION, Desk, connect, engine_in_thread, jsonl
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional
NUMBERS = count()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An engine, and the rows of its folder as `merlin engine keys` opens them beside it."""
    folder = tmp_path_factory.mktemp("clients")
    with engine_in_thread(folder) as desk, closing(Rows(folder / "engine.db")) as rows:
        desk.clients = Clients(rows)
        yield desk


@pytest.fixture
def enter(place):
    """Return what makes a client and gives a desk of it."""
    made = []

    def add(**limits):
        name = f"client {next(NUMBERS)}"
        made.append(Desk(place.port, place.clients.add(name, Limits(**limits))))
        made[-1].name = name
        return made[-1]

    yield add
    for desk in made:
        desk.close()


def call(desk, method, path, **other):
    head = {"Authorization": f"Bearer {desk.key}"}
    url = f"http://127.0.0.1:{desk.port}{path}"
    return httpx2.request(method, url, headers=head, timeout=longest(), **other)


def test_a_key_opens_the_engine_until_it_is_revoked(place, enter):
    anna = enter()
    assert anna.key.startswith("mre_")
    assert len(anna.key) == 47
    assert [model.id for model in anna.client.models.list()] == ["recall"]
    client = client_of(place, anna)
    assert (client.hint, client.revoked_at) == (anna.key[:8], None)
    assert client.used_on is not None
    place.clients.revoke(client.name)
    with pytest.raises(openai.AuthenticationError, match="revoked"):
        anna.client.models.list()
    with pytest.raises(NotFound):
        place.clients.revoke(client.name)


def test_a_key_is_kept_as_a_digest_alone(place, enter, tmp_path_factory):
    anna = enter()
    anna.client.models.list()
    folder = tmp_path_factory.getbasetemp()
    stored = b"".join(path.read_bytes() for path in folder.glob("clients*/engine.db*"))
    assert anna.key[:8].encode() in stored
    assert anna.key.encode() not in stored


def test_a_name_has_one_key_and_keeps_its_things_when_it_gets_another(place, enter):
    anna = enter()
    file = anna.upload()
    with pytest.raises(Refused):
        place.clients.add(anna.name, Limits())
    place.clients.revoke(anna.name)
    with connect(place.port, place.clients.add(anna.name, Limits())) as again:
        assert [each.id for each in again.files.list()] == [file.id]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_a_name_that_nobody_could_read_is_refused(place, name):
    with pytest.raises(Refused):
        place.clients.add(name, Limits())


def test_calls_over_the_limit_wait(enter):
    anna = enter(requests_per_minute=2)
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
        anna.client.models.list()


def test_the_owners_key_has_no_limits(place, enter):
    enter(requests_per_minute=1)
    for _ in range(3):
        answer = place.client.models.with_raw_response.list()
        assert "x-ratelimit-limit-requests" not in answer.headers


def test_tokens_are_counted_from_the_answers_and_end_with_the_day(place, enter):
    anna = enter(tokens_per_day=10_000)
    told = anna.ask("recall").usage.total_tokens
    assert told > 0
    assert used(place, anna).tokens == told
    stream = anna.ask("recall", stream=True, stream_options={"include_usage": True})
    told += [chunk.usage for chunk in stream][-1].total_tokens
    assert (used(place, anna).tokens, used(place, anna).answers) == (told, 2)
    answer = call(anna, "GET", "/v1/models")
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(10_000 - told)


def client_of(place, desk):
    return next(client for client in place.clients.list_all() if client.name == desk.name)


def used(place, desk):
    return place.clients.use(client_of(place, desk))


def test_who_has_no_tokens_left_asks_no_more_but_may_do_all_else(enter):
    anna = enter(tokens_per_day=1)
    anna.ask("recall")
    with pytest.raises(openai.RateLimitError, match="tokens a day") as refused:
        anna.ask("recall")
    assert refused.value.type == "tokens"
    assert int(refused.value.response.headers["retry-after"]) > 0
    assert anna.upload().id in [file.id for file in anna.client.files.list()]


def test_an_answer_that_was_left_half_way_is_counted(place, enter):
    anna = enter()
    with anna.ask("recall", QUESTION, stream=True) as stream:
        next(iter(stream))
    wait_until(lambda: used(place, anna).answers == 1)


def test_unfinished_jobs_are_limited(tmp_path):
    with engine_in_thread(tmp_path, pace_s=600) as desk, closing(Rows(tmp_path / "engine.db")) as r:
        key = Clients(r).add("anna", Limits(jobs=1))
        with closing(connect(desk.port, key)) as client:
            file = client.files.create(file=("t.jsonl", jsonl()), purpose="fine-tune")
            create = client.fine_tuning.jobs.create
            first = create(model="recall", training_file=file.id)
            with pytest.raises(openai.RateLimitError, match="unfinished: 1"):
                create(model="recall", training_file=file.id)
            client.fine_tuning.jobs.cancel(first.id)
            create(model="recall", training_file=file.id)


def test_bytes_of_files_are_limited_and_nothing_is_left_of_what_is_refused(place, enter):
    size = len(jsonl())
    anna = enter(bytes=size)
    file = anna.upload()
    with pytest.raises(openai.PermissionDeniedError, match="delete some first"):
        anna.upload()
    anna.client.files.delete(file.id)
    assert anna.upload().bytes == size


def test_an_idempotency_key_of_another_client_is_another_key(enter):
    anna, boris = enter(), enter()
    head = {"Idempotency-Key": "same"}
    assert anna.upload(extra_headers=head).id == anna.upload(extra_headers=head).id
    assert boris.upload(extra_headers=head).id != anna.upload(extra_headers=head).id


def test_a_revoked_key_is_no_owner_where_the_engine_has_no_key_of_its_own(tmp_path):
    rows = Rows(tmp_path / "engine.db")
    with engine_in_thread(tmp_path, key="") as desk, closing(rows):
        clients = Clients(rows)
        key = clients.add("anna", Limits())
        clients.revoke("anna")
        for told, status in ((key, 401), ("mre_unknown", 401), ("anything", 200)):
            desk.key = told
            assert call(desk, "GET", "/v1/models").status_code == status


# Whose is what


def routes():
    """Return every call of the engine whose path names a thing, from the app's own table."""
    app = create_app(EngineSettings("nowhere", "127.0.0.1", 0, "key"))
    found = app.openapi()["paths"].items()
    return sorted((method, path) for path, methods in found for method in methods if "{" in path)


@pytest.fixture(scope="module")
def hers(place):
    """What anna has: a file, a job that succeeded, its model, an endpoint."""
    desk = Desk(place.port, place.clients.add("anna", Limits()))
    job = desk.train()
    assert job.status == "succeeded"
    types = desk.client.webhooks.event_types.list().data
    url = "http://127.0.0.1:9/hook"
    hook = desk.client.webhooks.create(name="hers", url=url, event_types=types)
    yield (
        desk,
        {
            "file_id": job.training_file,
            "job_id": job.id,
            "name": job.fine_tuned_model,
            "endpoint_id": hook.id,
        },
    )
    desk.close()


@pytest.mark.parametrize(("method", "path"), routes())
def test_what_is_anothers_is_not_there(enter, hers, method, path):
    desk, things = hers
    boris = enter()
    before = look(desk, things)
    answer = call(boris, method, path.format(**things))
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["code"] in {None, "model_not_found"}
    unknown = call(boris, method, path.format(**dict.fromkeys(things, "nothing")))
    assert (
        unknown.json()["error"]["message"].split()[:2]
        == (answer.json()["error"]["message"].split()[:2])
    )
    assert look(desk, things) == before


def look(desk, things):
    return (
        desk.client.files.retrieve(things["file_id"]),
        desk.jobs.retrieve(things["job_id"]),
        desk.client.models.retrieve(things["name"]),
        desk.client.webhooks.retrieve(things["endpoint_id"]),
        desk.events(things["job_id"]),
    )


def test_lists_show_what_is_ones_own_and_the_owner_all(place, enter, hers):
    desk, things = hers
    boris = enter()
    assert list(boris.client.files.list()) == []
    assert list(boris.jobs.list()) == []
    assert [model.id for model in boris.client.models.list()] == ["recall"]
    for seer in (desk, place):
        assert things["file_id"] in [file.id for file in seer.client.files.list()]
        assert things["job_id"] in [job.id for job in seer.jobs.list()]
        assert things["name"] in [model.id for model in seer.client.models.list()]


def test_a_page_after_anothers_thing_tells_nothing(enter, hers):
    _, things = hers
    boris = enter()
    with pytest.raises(openai.BadRequestError, match="after"):
        boris.jobs.list(after=things["job_id"])
    with pytest.raises(openai.BadRequestError, match="after"):
        boris.client.files.list(after=things["file_id"])


def test_anothers_file_cannot_be_trained_on_nor_anothers_model_be_asked(enter, hers):
    desk, things = hers
    boris = enter()
    with pytest.raises(openai.BadRequestError, match="there is no file"):
        boris.launch(things["file_id"])
    (step, *_) = desk.jobs.checkpoints.list(things["job_id"])
    for name in (things["name"], step.fine_tuned_model_checkpoint):
        assert desk.ask(name).choices
        with pytest.raises(openai.NotFoundError):
            boris.ask(name)
        with pytest.raises(openai.NotFoundError):
            boris.client.embeddings.create(model=name, input="стек")
