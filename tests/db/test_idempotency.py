"""Calls with an idempotency key: one starts, its response is kept encrypted for a day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from merlin.core.heartbeat import SILENT_AFTER_S, Heartbeat
from merlin.db.database import open_database
from merlin.db.idempotency import LIFETIME, IdempotencyKeys, StartedCall, StoredResponse
from merlin.db.processes import CALL_LIMIT, Heartbeats

pytestmark = pytest.mark.integration

ANNA, BORIS = 1001, 1002
CALL = (ANNA, "one", "POST /launch {}")
TOLD = StoredResponse(202, "application/json", '{"задание": 1}', {"location": "/api/jobs/1"})


@pytest.fixture
def idempotency(database, clock):
    return IdempotencyKeys(database, clock)


def test_stored_response_is_returned_again(idempotency):
    call = idempotency.begin(*CALL)
    assert isinstance(call, StartedCall)
    assert idempotency.begin(*CALL) == "running"
    idempotency.end(call, TOLD)
    assert idempotency.begin(*CALL) == TOLD
    idempotency.end(call, StoredResponse(500, "text/plain", "later"))
    assert idempotency.begin(*CALL) == TOLD


def test_key_belongs_to_one_call_of_one_user(idempotency):
    idempotency.begin(*CALL)
    assert idempotency.begin(ANNA, "one", "POST /launch {1}") == "other"
    assert isinstance(idempotency.begin(BORIS, "one", "POST /launch {1}"), StartedCall)
    assert isinstance(idempotency.begin(ANNA, "two", CALL[2]), StartedCall)


def test_forgotten_call_starts_again_with_another_number(idempotency):
    first = idempotency.begin(*CALL)
    idempotency.forget(first)
    second = idempotency.begin(*CALL)
    assert isinstance(second, StartedCall)
    assert second.number != first.number


def test_answered_call_cannot_be_forgotten(idempotency):
    call = idempotency.begin(*CALL)
    idempotency.end(call, TOLD)
    idempotency.forget(call)
    assert idempotency.begin(*CALL) == TOLD


def test_call_of_a_dead_process_starts_again_with_the_same_number(idempotency, clock):
    first = idempotency.begin(*CALL)
    clock.move(CALL_LIMIT.total_seconds() - 1)
    assert idempotency.begin(*CALL) == "running"
    clock.move(1)
    assert idempotency.begin(*CALL) == first
    assert idempotency.begin(*CALL) == "running"


def test_call_starts_again_once_no_earlier_api_lives(idempotency, database, clock):
    """Each process that started before the call may still be answering it."""
    heartbeats, started_at = Heartbeats(database), clock()
    clock.move(1)
    first = idempotency.begin(*CALL)
    clock.move(1)
    later = clock()
    heartbeats.beat(Heartbeat("api", "one", 1, started_at, clock()))
    heartbeats.beat(Heartbeat("api", "two", 1, later, clock()))
    assert idempotency.begin(*CALL) == "running"
    clock.move(SILENT_AFTER_S)
    heartbeats.beat(Heartbeat("api", "two", 1, later, clock()))
    assert idempotency.begin(*CALL) == first


def test_key_is_free_again_after_a_day(idempotency, clock):
    idempotency.end(idempotency.begin(*CALL), TOLD)
    clock.move(LIFETIME.total_seconds() - 1)
    assert idempotency.clear(clock()) == 0
    assert idempotency.begin(*CALL) == TOLD
    clock.move(1)
    assert isinstance(idempotency.begin(*CALL), StartedCall)
    assert idempotency.clear(clock() + timedelta(days=2)) == 1


def test_one_of_many_concurrent_calls_starts(idempotency, url, cipher, clock):
    def begin(_):
        with open_database(url, cipher=cipher) as database:
            return IdempotencyKeys(database, clock).begin(*CALL)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(begin, range(16)))
    assert sum(isinstance(result, StartedCall) for result in results) == 1
    assert results.count("running") == 15


def test_one_of_many_concurrent_takeovers_starts(idempotency, url, cipher, clock):
    idempotency.begin(*CALL)
    clock.move(CALL_LIMIT.total_seconds())

    def begin(_):
        with open_database(url, cipher=cipher) as database:
            return IdempotencyKeys(database, clock).begin(*CALL)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(begin, range(16)))
    assert sum(isinstance(result, StartedCall) for result in results) == 1
