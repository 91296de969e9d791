"""Random histories of people who buy, ask and get refunds: ledger, plans and quotas agree."""

import random

import pytest

from tests.billing.plan_shop import Shop
from tests.billing.random_histories import PRICES_AND_GATEWAYS, History

pytestmark = pytest.mark.integration


def test_random_histories_keep_ledger_plans_and_quotas_consistent(database, clock):
    """Fewer on PostgreSQL, where each call goes over a socket."""
    rng = random.Random(20261120)  # noqa: S311 - a repeatable sample
    shop = Shop(database, clock, PRICES_AND_GATEWAYS)
    histories = []
    for number in range(40 if database.dialect == "sqlite" else 10):
        with database.atomic():
            history = History(rng, shop, 5000 + number)
            for _ in range(3):
                for _ in range(4):
                    history.step()
                history.check()
        histories.append(history)
    for _ in range(len(histories)):
        # A person returns: their orders are paid late.
        with database.atomic():
            history = rng.choice(histories)
            for _ in range(4):
                history.step()
            history.check()
    assert shop.find_faults() == []
