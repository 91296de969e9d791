"""Calls with an idempotency key: one starts, its response is kept encrypted for a day."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from merlin.db.database import open_database
from merlin.db.idempotency import (
    KEPT,
    PATIENCE,
    IdempotencyKeys,
    StartedCall,
    StoredResponse,
)

pytestmark = pytest.mark.integration

ANNA, BORIS = 1001, 1002
CALL = (ANNA, "one", "POST /launch {}")
TOLD = StoredResponse(202, "application/json", '{"задание": 1}', {"location": "/api/jobs/1"})


@pytest.fixture
def idempotency(database, clock):
    return IdempotencyKeys(database, clock)


def test_the_answer_of_a_call_is_told_again_as_it_was(idempotency):
    call = idempotency.begin(*CALL)
    assert isinstance(call, StartedCall)
    assert idempotency.begin(*CALL) == "running"
    idempotency.end(call, TOLD)
    assert idempotency.begin(*CALL) == TOLD
    idempotency.end(call, StoredResponse(500, "text/plain", "later"))
    assert idempotency.begin(*CALL) == TOLD


def test_a_key_belongs_to_one_call_of_one_person(idempotency):
    idempotency.begin(*CALL)
    assert idempotency.begin(ANNA, "one", "POST /launch {1}") == "other"
    assert isinstance(idempotency.begin(BORIS, "one", "POST /launch {1}"), StartedCall)
    assert isinstance(idempotency.begin(ANNA, "two", CALL[2]), StartedCall)


def test_what_was_forgotten_is_begun_anew_with_another_number(idempotency):
    first = idempotency.begin(*CALL)
    idempotency.forget(first)
    second = idempotency.begin(*CALL)
    assert isinstance(second, StartedCall)
    assert second.number != first.number


def test_what_was_answered_is_not_forgotten(idempotency):
    call = idempotency.begin(*CALL)
    idempotency.end(call, TOLD)
    idempotency.forget(call)
    assert idempotency.begin(*CALL) == TOLD


def test_a_call_whose_process_died_is_begun_again_by_the_same_number(idempotency, clock):
    first = idempotency.begin(*CALL)
    clock.move(PATIENCE.total_seconds() - 1)
    assert idempotency.begin(*CALL) == "running"
    clock.move(1)
    assert idempotency.begin(*CALL) == first
    assert idempotency.begin(*CALL) == "running"


def test_after_a_day_a_key_is_free_again(idempotency, clock):
    idempotency.end(idempotency.begin(*CALL), TOLD)
    clock.move(KEPT.total_seconds() - 1)
    assert idempotency.clear(clock()) == 0
    assert idempotency.begin(*CALL) == TOLD
    clock.move(1)
    assert isinstance(idempotency.begin(*CALL), StartedCall)
    assert idempotency.clear(clock() + timedelta(days=2)) == 1


def test_of_many_that_begin_at_once_one_does(idempotency, url, cipher, clock):
    def begin(_):
        with open_database(url, cipher=cipher) as database:
            return IdempotencyKeys(database, clock).begin(*CALL)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(begin, range(16)))
    assert sum(isinstance(result, StartedCall) for result in results) == 1
    assert results.count("running") == 15


def test_of_many_that_take_over_at_once_one_does(idempotency, url, cipher, clock):
    idempotency.begin(*CALL)
    clock.move(PATIENCE.total_seconds())

    def begin(_):
        with open_database(url, cipher=cipher) as database:
            return IdempotencyKeys(database, clock).begin(*CALL)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(begin, range(16)))
    assert sum(isinstance(result, StartedCall) for result in results) == 1


def test_neither_key_nor_answer_lies_open(idempotency, database):
    idempotency.end(idempotency.begin(ANNA, "my-own-key", "asked"), TOLD)
    (row,) = database.sql("SELECT * FROM idempotency")
    assert "my-own-key" not in str(row)
    assert "asked" not in str(row)
    assert "задание" not in str(row)
