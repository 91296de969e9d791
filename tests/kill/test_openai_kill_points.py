"""The api dies on the way of a question: nothing stays reserved, and nothing is charged twice."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
import yaml

from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.users import User, Users
from merlin.config import load
from merlin.core.clock import iso, utc_now
from merlin.core.killpoint import POINTS
from merlin.core.server import free_ports
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.wiring.context import make_cipher, opened, reading
from tests.support.forked_processes import is_ready, run_processes, wait_for_exit
from tests.support.serving_models import insert_live_model
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration

OURS = [point for point in POINTS if point.startswith("door.")]
ANNA, KEY = 1001, "STAND_IN_KEY"
ASKED = {"model": "merlin/trial", "messages": [{"role": "user", "content": "Что такое граф?"}]}
ELEVEN_MINUTES = timedelta(minutes=11)


class Api:
    """One api in a process of its own, with a model that serves and a plan that counts."""

    def __init__(self, folder, provider_url):
        self.folder = folder
        (port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        said = {
            "state_dir": "state",
            "api": {"listen": f"127.0.0.1:{port}"},
            "providers": [{"name": "chat", "base_url": provider_url, "credential": KEY}],
            "plans": {"student": {"title": {"ru": "Студент", "en": "Student"}, "text": 5}},
        }
        self.path = folder / "config.yaml"
        self.path.write_text(yaml.safe_dump(said), encoding="utf-8")
        self.config = load(self.path)
        with opened(self.config) as database:
            insert_live_model(database, "stand-in-chat", dataset="trial")
            Users(database).record_authors([User(ANNA)])
            database.cipher = make_cipher(self.config)
            keys = ApiKeys(database)
            _, self.key = keys.make(ANNA, "test", [Scope.CHAT_WRITE])

    @contextmanager
    def running(self, **environment):
        """Run the api until the end of the block, where it may have died."""
        log = self.folder / "api.log"
        with run_processes(self.path, "api", **{KEY: "stand-in", **environment}) as (process,):
            wait_until(lambda: is_ready(self.address), describe=lambda: log.read_text()[-3000:])
            yield process

    def ask(self, *, stream=False, **headers):
        said = {"Authorization": f"Bearer {self.key}", **headers}
        address = f"{self.address}/v1/chat/completions"
        return httpx.post(
            address, json={**ASKED, "stream": stream}, headers=said, timeout=longest()
        )

    def dies_at(self, point, **said):
        """Let the api die at a point of a question that is asked like this."""
        with self.running(MERLIN_CRASH_AT=point) as process:
            with pytest.raises(httpx.TransportError):
                self.ask(**said)
            assert wait_for_exit(process) == 137, (self.folder / "api.log").read_text()[-3000:]

    def uses(self):
        """Return how many questions stand in which state."""
        with reading(self.config) as database:
            return dict(database.sql("SELECT state, COUNT(*) FROM quota_use GROUP BY state"))

    def time_passes(self):
        """Let everything have happened eleven minutes earlier."""
        with opened(self.config) as database, database.atomic():
            then = iso(utc_now() - ELEVEN_MINUTES)
            database.sql("UPDATE quota_use SET at = ?", then)
            database.sql("UPDATE idempotency SET at = ?", then)


@pytest.fixture
def provider():
    with ProviderStandIn(key="stand-in") as provider:
        yield provider


@pytest.mark.parametrize("point", OURS)
def test_nothing_stays_reserved_after_a_death_at(point, tmp_path, provider):
    api = Api(tmp_path, provider.base_url)
    api.dies_at(point)
    is_charged = point == "door.answered"
    assert api.uses() == {"charged" if is_charged else "reserved": 1}
    api.time_passes()
    with api.running():
        wait_until(lambda: api.uses() == {"charged" if is_charged else "returned": 1})


@pytest.mark.parametrize("point", OURS)
def test_a_named_question_is_charged_once_after_a_death_at(point, tmp_path, provider):
    api, named = Api(tmp_path, provider.base_url), {"Idempotency-Key": "one"}
    api.dies_at(point, **named)
    with api.running():
        assert api.ask(**named).status_code == 409
        api.time_passes()
        response = api.ask(**named)
        assert response.status_code == 200
        again = api.ask(**named)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.content == response.content
    assert api.uses() == {"charged": 1}


@pytest.mark.parametrize("point", OURS)
def test_a_named_stream_is_charged_once_after_a_death_at(point, tmp_path, provider):
    api, named = Api(tmp_path, provider.base_url), {"stream": True, "Idempotency-Key": "one"}
    api.dies_at(point, **named)
    with api.running():
        assert api.ask(**named).status_code == 409
        api.time_passes()
        assert api.ask(**named).content.endswith(b"[DONE]\n\n")
        assert api.ask(**named).headers["idempotency-replayed"] == "true"
    assert api.uses() == {"charged": 1}
