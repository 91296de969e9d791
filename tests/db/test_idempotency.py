"""Calls with a key of their own: one begins, its answer is kept for a day, nothing lies open."""

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
def repeats(database, clock):
    return IdempotencyKeys(database, clock)


def test_the_answer_of_a_call_is_told_again_as_it_was(repeats):
    begun = repeats.begin(*CALL)
    assert isinstance(begun, StartedCall)
    assert repeats.begin(*CALL) == "running"
    repeats.end(begun, TOLD)
    assert repeats.begin(*CALL) == TOLD
    repeats.end(begun, StoredResponse(500, "text/plain", "later"))
    assert repeats.begin(*CALL) == TOLD


def test_a_key_belongs_to_one_call_of_one_person(repeats):
    repeats.begin(*CALL)
    assert repeats.begin(ANNA, "one", "POST /launch {1}") == "other"
    assert isinstance(repeats.begin(BORIS, "one", "POST /launch {1}"), StartedCall)
    assert isinstance(repeats.begin(ANNA, "two", CALL[2]), StartedCall)


def test_what_was_forgotten_is_begun_anew_with_another_number(repeats):
    first = repeats.begin(*CALL)
    repeats.forget(first)
    again = repeats.begin(*CALL)
    assert isinstance(again, StartedCall)
    assert again.number != first.number


def test_what_was_answered_is_not_forgotten(repeats):
    begun = repeats.begin(*CALL)
    repeats.end(begun, TOLD)
    repeats.forget(begun)
    assert repeats.begin(*CALL) == TOLD


def test_a_call_whose_process_died_is_begun_again_by_the_same_number(repeats, clock):
    first = repeats.begin(*CALL)
    clock.move(PATIENCE.total_seconds() - 1)
    assert repeats.begin(*CALL) == "running"
    clock.move(1)
    assert repeats.begin(*CALL) == first
    assert repeats.begin(*CALL) == "running"


def test_after_a_day_a_key_is_free_again(repeats, clock):
    repeats.end(repeats.begin(*CALL), TOLD)
    clock.move(KEPT.total_seconds() - 1)
    assert repeats.clear(clock()) == 0
    assert repeats.begin(*CALL) == TOLD
    clock.move(1)
    assert isinstance(repeats.begin(*CALL), StartedCall)
    assert repeats.clear(clock() + timedelta(days=2)) == 1


def test_of_many_that_begin_at_once_one_does(repeats, url, cipher, clock):
    def begin(_):
        with open_database(url, cipher=cipher) as database:
            return IdempotencyKeys(database, clock).begin(*CALL)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(begin, range(16)))
    assert sum(isinstance(each, StartedCall) for each in found) == 1
    assert found.count("running") == 15


def test_of_many_that_take_over_at_once_one_does(repeats, url, cipher, clock):
    repeats.begin(*CALL)
    clock.move(PATIENCE.total_seconds())

    def begin(_):
        with open_database(url, cipher=cipher) as database:
            return IdempotencyKeys(database, clock).begin(*CALL)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(begin, range(16)))
    assert sum(isinstance(each, StartedCall) for each in found) == 1


def test_neither_key_nor_answer_lies_open(repeats, database):
    repeats.end(repeats.begin(ANNA, "my-own-key", "asked"), TOLD)
    (row,) = database.sql("SELECT * FROM idempotency")
    assert "my-own-key" not in str(row)
    assert "asked" not in str(row)
    assert "задание" not in str(row)
