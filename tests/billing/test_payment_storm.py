"""Payments told by many threads of processes that are killed: granted once, to the kopeck."""

from __future__ import annotations

import pytest

from tests.billing.payment_storm import storm

pytestmark = pytest.mark.integration


def test_what_is_told_often_by_processes_that_die_is_granted_once(url):
    came = storm(url, seed=20261120, threads=8, payments=9, most=8, kills=2)
    assert came["tellings"] > came["grants"]
    assert (came["grants"], came["given"]) == (9, 9)
    assert came["paid"] == came["wanted"]
