"""Many random histories with the shop: the money, the plans and what is left always agree."""

from __future__ import annotations

import random

import pytest

from tests.billing.random_histories import FEW, History, shop_of

pytestmark = pytest.mark.integration


def test_a_hundred_histories_keep_money_plans_and_questions_right(database, clock):
    """On PostgreSQL fewer: a call there goes over a socket. `bench billing` runs thousands."""
    dice = random.Random(20261120)  # noqa: S311 - a test's own dice
    world, histories = shop_of(database, clock), []
    for number in range(80 if database.dialect == "sqlite" else 20):
        with database.atomic():
            history = History(dice, world, 5000 + number)
            for _ in range(3):
                for _ in range(4):
                    history.step()
                history.check()
        histories.append(history)
    for _ in range(len(histories)):
        # Somebody comes back: their orders are paid late, and their codes are others' by then.
        with database.atomic():
            history = dice.choice(histories)
            for _ in range(4):
                history.step()
            history.check()
    assert world.faults() == []
    granted, sent_back = world.granted("FEW")
    assert 0 < granted <= FEW
    assert sent_back + world.granted("LESS")[1]
