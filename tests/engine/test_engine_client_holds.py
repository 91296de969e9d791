"""Tokens of a client's daily limit that are reserved during an answer."""

import asyncio
import json
import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import openai
import pytest

from merlin.engine.bases import Base
from merlin.engine.clients import Clients, Limits, TokenReservation
from merlin.engine.database import Database
from merlin.engine.serving.base import Chunk, Finish
from tests.engine.running_engine import EngineClient, serve_engine
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


class SlowBackend:
    """A backend whose answers wait for `may_end`."""

    def __init__(self):
        self.may_end = threading.Event()

    async def ask(self, _adapter, _asking):
        yield Chunk("one")
        await asyncio.to_thread(self.may_end.wait)
        yield Chunk(" two")
        yield Finish("stop", 3, 2)

    async def embed(self, texts):
        await asyncio.to_thread(self.may_end.wait)
        return [[1.0] for _ in texts], len(texts)

    def figures(self):
        return {}

    async def close(self):
        self.may_end.set()


@contextmanager
def serve_slow_base(folder, tokens_per_day):
    """Yield a client of an engine, and its backend `slow`."""
    backend = SlowBackend()
    bases = {"slow": Base("slow", None, lambda: backend, 100)}
    limits = Limits(tokens_per_day=tokens_per_day)
    with (
        serve_engine(folder, bases=bases) as engine,
        closing(Database(folder / "engine.db")) as rows,
        closing(EngineClient(engine.port, Clients(rows).add("anna", limits))) as anna,
    ):
        yield anna, backend


def read_tokens_left(engine):
    """Return the remaining tokens of the day, from the response headers."""
    response = engine.openai.models.with_raw_response.list()
    return int(response.headers["x-ratelimit-remaining-tokens"])


def test_running_answers_reserve_their_tokens_until_they_end(tmp_path):
    with serve_slow_base(tmp_path, tokens_per_day=1500) as (anna, backend):
        under_way = [iter(anna.ask("slow", stream=True)) for _ in range(2)]
        for stream in under_way:
            next(stream)
        with pytest.raises(openai.RateLimitError, match="under way") as refused:
            anna.ask("slow")
        assert refused.value.type == "tokens"
        assert read_tokens_left(anna) == 0
        backend.may_end.set()
        for stream in under_way:
            assert [chunk.choices[0].finish_reason for chunk in stream][-1] == "stop"
        assert read_tokens_left(anna) == 1500 - 2 * 5
        assert anna.ask("slow").usage.total_tokens == 5


def test_abandoned_answer_releases_its_reserved_tokens(tmp_path):
    with serve_slow_base(tmp_path, tokens_per_day=900) as (anna, backend):
        with anna.ask("slow", stream=True) as stream:
            next(iter(stream))
            with pytest.raises(openai.RateLimitError, match="under way"):
                anna.ask("slow")
        backend.may_end.set()
        wait_until(lambda: 0 < read_tokens_left(anna) < 900)
        assert anna.ask("slow").usage.total_tokens == 5


def test_abandoned_embedding_ends_and_releases_its_reserved_tokens(tmp_path):
    with serve_slow_base(tmp_path, tokens_per_day=900) as (anna, _):
        body, key = json.dumps({"model": "slow", "input": "one two"}), f"Bearer {anna.key}"
        with closing(HTTPConnection("127.0.0.1", anna.port)) as caller:
            caller.request("POST", "/v1/embeddings", body, {"Authorization": key})
            wait_until(lambda: read_tokens_left(anna) < 900)
        wait_until(lambda: read_tokens_left(anna) == 900)


def test_answer_abandoned_before_its_reservation_began_reserves_nothing(tmp_path):
    with closing(Database(tmp_path / "engine.db")) as rows:
        clients = Clients(rows)
        anna, _ = clients.admit(clients.add("anna", Limits(tokens_per_day=900)))
        abandoned = TokenReservation(clients, anna, 900)
        # The caller leaves while `take` waits in a thread for the lock.
        abandoned.settle(0)
        abandoned.take()
        TokenReservation(clients, anna, 900).take()
