"""A person's current plan, what follows it, and the reminder before its end."""

from datetime import timedelta

import pytest

from merlin.app.actor import Actor
from merlin.app.plans import (
    ENDS_BEFORE,
    has_shop,
    notify_expiry,
    read_current_plan,
    read_terms,
)
from merlin.billing.quota import Format
from tests.billing.plan_shop import (
    ANNA,
    BORIS,
    PRICES_AND_GATEWAYS,
    Shop,
    show_quota,
)
from tests.support.people import STUDENT

pytestmark = pytest.mark.integration


def read_plan(shop):
    current = read_current_plan(shop.ctx, STUDENT)
    return current.plan.name, current.until, current.next_plan.name


def test_bought_plan_lasts_to_its_end_and_the_one_that_goes_on_follows(shop, clock):
    assert read_plan(shop)[:2] == ("free", None)
    shop.buy(plan="plus")
    plus_ends = clock() + timedelta(days=30)
    assert read_plan(shop) == ("plus", plus_ends, "free")
    # The last of the configuration counts while it lasts.
    shop.buy(plan="algorithms")
    assert read_plan(shop) == ("algorithms", clock() + timedelta(days=10), "plus")
    assert [term.plan for term in read_terms(shop.ctx, STUDENT)] == [
        "algorithms",
        "plus",
    ]
    assert read_terms(shop.ctx, Actor()) == []


def test_plan_that_an_admin_set_has_no_end_and_follows_a_higher_one(shop, clock):
    shop.users.set_plan(ANNA, "plus", "cli:vera")
    shop.buy(plan="plus")
    assert read_plan(shop)[:2] == ("plus", None)
    shop.buy(plan="algorithms")
    assert read_plan(shop) == ("algorithms", clock() + timedelta(days=10), "plus")


def test_pack_is_current_until_it_expires(shop, clock):
    shop.buy(plan="voices")
    packs = read_current_plan(shop.ctx, STUDENT).packs
    assert sorted((pack.format, pack.amount) for pack in packs) == [
        ("photo", 5),
        ("voice", 10),
    ]
    assert read_plan(shop)[:2] == ("free", None)
    assert show_quota(shop, Format.VOICE).remaining == 10
    clock.move(timedelta(days=90).total_seconds())
    assert show_quota(shop, Format.VOICE).remaining == 0
    assert read_current_plan(shop.ctx, STUDENT).packs == []


def test_end_of_a_plan_is_notified_once_but_not_to_those_who_keep_it(shop, clock):
    shop.buy(ANNA, "algorithms")
    shop.buy(BORIS, "algorithms")
    shop.users.set_plan(BORIS, "algorithms", "cli:vera")
    notify_expiry(shop.ctx, clock())
    assert "notice-plan-ends" not in shop.list_notices(ANNA)
    clock.move((timedelta(days=10) - ENDS_BEFORE).total_seconds())
    notify_expiry(shop.ctx, clock())
    notify_expiry(shop.ctx, clock())
    assert shop.list_notices(ANNA).count("notice-plan-ends") == 1
    assert "notice-plan-ends" not in shop.list_notices(BORIS)


def test_there_is_a_shop_if_any_plan_is_sold(shop, database, clock):
    plans, payments = PRICES_AND_GATEWAYS
    unsold = tuple(plan for plan in plans if plan.name == "free")
    assert has_shop(shop.ctx)
    assert not has_shop(Shop(database, clock, (unsold, payments)).ctx)
