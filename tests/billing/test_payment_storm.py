"""Payment notifications from many threads of processes that are killed: each is granted once."""

import pytest

from tests.billing.payment_storm import run_storm

pytestmark = pytest.mark.integration


def test_repeated_notifications_from_killed_processes_grant_once(url):
    counts = run_storm(url, seed=20261120, threads=8, payments=9, most=4, kills=1)
    assert counts["notifications"] > counts["grants"]
    assert (counts["grants"], counts["given"]) == (9, 9)
    assert counts["paid"] == counts["ordered"]
