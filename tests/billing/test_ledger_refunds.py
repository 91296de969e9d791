"""The ledger: what goes back takes back what it paid for, once, and never more than was paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import Format
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Currency
from tests.billing.plan_shop import ANNA, BORIS, STARS, YOOKASSA, quota_left, state, terms

pytestmark = pytest.mark.integration

PAID = ["payment", "grant"]
MONTH = timedelta(days=30)


def test_all_of_the_money_back_takes_all_of_the_plan_back_once(shop, clock):
    purchase, grant = shop.bought()
    clock.move(86_400)
    assert shop.give_back(grant, outside_id="back") is not None
    assert shop.kinds() == [*PAID, "refund", "revocation"]
    assert state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.plans() == []
    assert terms(shop) == [(-1, 0)]
    assert shop.told(ANNA) == ["notice-paid", "notice-refunded"]
    assert again(shop, grant, "back") is None
    assert shop.kinds() == [*PAID, "refund", "revocation"]
    assert shop.told(ANNA) == ["notice-paid", "notice-refunded"]
    assert shop.faults() == []


def again(shop, grant, outside_id):
    """Tell the ledger once more of a refund."""
    paid = shop.payment_of(grant)
    returned = shop.returned(paid.outside_id, outside_id, grant.amount)
    return shop.billing.ledger.record_refund(grant.gateway, returned)


def test_a_part_of_the_money_takes_a_part_of_the_time(shop, clock):
    purchase, grant = shop.bought()
    clock.move(3 * 86_400)
    shop.give_back(grant, grant.amount.minor // 2)
    assert terms(shop) == [(-3, 12)]
    assert state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    shop.give_back(grant, grant.amount.minor // 4)
    assert terms(shop)[0][1] in {4, 5}
    assert shop.plans() == ["plus"]
    shop.give_back(grant, grant.amount.minor // 5)
    assert terms(shop) == [(-3, 0)]
    assert state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert shop.kinds().count("revocation") == 0
    shop.give_back(grant)
    assert shop.kinds().count("revocation") == 1
    assert state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.faults() == []


def test_a_pack_stays_until_all_of_its_money_is_back(shop):
    _, grant = shop.bought(plan="voices")
    shop.give_back(grant, 100)
    assert quota_left(shop, Format.VOICE).gifts == 10
    shop.give_back(grant)
    assert quota_left(shop, Format.VOICE).gifts == 0
    assert shop.faults() == []


def test_a_refund_ends_the_gifts_of_its_own_grant_alone(shop):
    _, first = shop.bought(plan="voices")
    shop.bought(plan="voices")
    shop.bought(BORIS, "voices")
    shop.give_back(first)
    assert quota_left(shop, Format.VOICE).gifts == 10
    assert quota_left(shop, Format.VOICE, BORIS).gifts == 10


def test_what_was_bought_behind_moves_up_into_the_gap(shop, clock):
    _, first = shop.bought()
    shop.bought()
    shop.bought()
    clock.move(5 * 86_400)
    shop.give_back(first)
    assert terms(shop) == [(-5, 0), (0, 30), (30, 60)]
    assert shop.plans() == ["plus"]


def test_a_refund_of_what_has_not_begun_leaves_what_runs(shop, clock):
    shop.bought()
    _, second = shop.bought()
    shop.bought()
    clock.move(5 * 86_400)
    shop.give_back(second)
    assert terms(shop) == [(-5, 25), (25, 25), (25, 55)]


def test_a_refund_of_what_is_over_moves_nothing(shop, clock):
    _, first = shop.bought()
    clock.move(40 * 86_400)
    shop.bought()
    shop.give_back(first)
    assert terms(shop) == [(-40, -10), (0, 30)]
    assert shop.plans() == ["plus"]


def test_more_than_was_paid_never_goes_back(shop):
    _, grant = shop.bought()
    shop.give_back(grant, 20_000)
    for minor in (grant.amount.minor, 9_991, 0, -1):
        with pytest.raises(Refused) as refused:
            shop.give_back(grant, minor)
        assert refused.value.key == "billing-refund-too-much"
    stars = replace(grant.amount, minor=1, currency=Currency.XTR)
    returned = shop.returned(shop.payment_of(grant).outside_id, "r", stars)
    with pytest.raises(Refused):
        shop.billing.ledger.record_refund(YOOKASSA, returned)
    assert shop.billing.ledger.remaining_amount(grant.entry_id).minor == 9_990
    assert shop.faults() == []


def test_a_refund_of_an_unknown_payment_is_refused(shop):
    _, grant = shop.bought(till=STARS)
    payment = shop.payment_of(grant)
    for till, outside_id in ((STARS, "unknown"), (YOOKASSA, payment.outside_id)):
        returned = shop.returned(outside_id, "r", grant.amount)
        with pytest.raises(NotFound):
            shop.billing.ledger.record_refund(till, returned)
    with pytest.raises(NotFound):
        shop.billing.ledger.remaining_amount(payment.entry_id + 100)
