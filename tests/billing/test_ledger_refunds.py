"""Refunds in the ledger: each takes back what it paid for, once; never more than was paid."""

from dataclasses import replace

import pytest

from merlin.billing.purchases import PurchaseState
from merlin.billing.quota import Format
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Currency
from tests.billing.plan_shop import (
    ANNA,
    STARS,
    YOOKASSA,
    list_terms,
    read_state,
    show_quota,
)

pytestmark = pytest.mark.integration

PAID = ["payment", "grant"]


def test_full_refund_revokes_the_whole_plan_once(shop, clock):
    purchase, grant = shop.buy()
    clock.move(86_400)
    assert shop.refund(grant, outside_id="back") is not None
    assert shop.list_kinds() == [*PAID, "refund", "revocation"]
    assert read_state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.list_plans() == []
    assert list_terms(shop) == [(-1, 0)]
    assert shop.list_notices(ANNA) == ["notice-paid", "notice-refunded"]
    assert record_again(shop, grant, "back") is None
    assert shop.list_kinds() == [*PAID, "refund", "revocation"]
    assert shop.list_notices(ANNA) == ["notice-paid", "notice-refunded"]
    assert shop.find_faults() == []


def record_again(shop, grant, outside_id):
    """Record the same refund once more."""
    payment = shop.find_payment(grant)
    refund = shop.make_refund(payment.outside_id, outside_id, grant.amount)
    return shop.billing.ledger.record_refund(grant.gateway, refund)


def test_partial_refund_shortens_the_term_in_proportion(shop, clock):
    purchase, grant = shop.buy()
    clock.move(3 * 86_400)
    shop.refund(grant, grant.amount.minor // 2)
    assert list_terms(shop) == [(-3, 12)]
    assert read_state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    shop.refund(grant, grant.amount.minor // 4)
    assert list_terms(shop)[0][1] in {4, 5}
    assert shop.list_plans() == ["plus"]
    shop.refund(grant, grant.amount.minor // 5)
    assert list_terms(shop) == [(-3, 0)]
    assert read_state(shop, purchase) is PurchaseState.REFUNDED_IN_PART
    assert shop.list_kinds().count("revocation") == 0
    shop.refund(grant)
    assert shop.list_kinds().count("revocation") == 1
    assert read_state(shop, purchase) is PurchaseState.REFUNDED
    assert shop.find_faults() == []


def test_partial_refund_of_a_pack_removes_its_share_of_the_questions(shop):
    _, grant = shop.buy(plan="voices")
    left = []
    for minor in (100, 1900, 2950, 2475, 2474, None):
        shop.refund(grant, minor)
        left.append(
            [show_quota(shop, kind).packs for kind in (Format.VOICE, Format.PHOTO)]
        )
    # 98, 79, 49.50, 24.75, 0.01 and no roubles of 99 are left.
    assert left == [[10, 5], [8, 4], [5, 3], [3, 2], [1, 1], [0, 0]]
    assert shop.find_faults() == []


def test_later_terms_move_into_the_gap_of_a_refunded_one(shop, clock):
    _, first = shop.buy()
    shop.buy()
    shop.buy()
    clock.move(5 * 86_400)
    shop.refund(first)
    assert list_terms(shop) == [(-5, 0), (0, 30), (30, 60)]
    assert shop.list_plans() == ["plus"]


def test_refund_above_the_paid_amount_is_refused(shop):
    _, grant = shop.buy()
    shop.refund(grant, 20_000)
    for minor in (grant.amount.minor, 9_991, 0, -1):
        with pytest.raises(Refused) as refused:
            shop.refund(grant, minor)
        assert refused.value.key == "billing-refund-too-much"
    stars = replace(grant.amount, minor=1, currency=Currency.XTR)
    refund = shop.make_refund(shop.find_payment(grant).outside_id, "r", stars)
    with pytest.raises(Refused):
        shop.billing.ledger.record_refund(YOOKASSA, refund)
    assert shop.billing.ledger.remaining_amount(grant.entry_id).minor == 9_990
    assert shop.find_faults() == []


def test_refund_of_an_unknown_payment_is_refused(shop):
    _, grant = shop.buy(gateway=STARS)
    payment = shop.find_payment(grant)
    for gateway, outside_id in ((STARS, "unknown"), (YOOKASSA, payment.outside_id)):
        refund = shop.make_refund(outside_id, "r", grant.amount)
        with pytest.raises(NotFound):
            shop.billing.ledger.record_refund(gateway, refund)
    with pytest.raises(NotFound):
        shop.billing.ledger.remaining_amount(payment.entry_id + 100)
