"""Refunds: the request is stored before money is sent; money is refunded once."""

import pytest

from merlin.app.personal_data import PersonalRecords
from merlin.billing.refunds import (
    MAX_REASON_LENGTH,
    Refunds,
    RefundState,
    check_reason,
    parse_refund,
)
from merlin.core.errors import NotFound, Refused
from merlin.core.money import Amount, Currency
from merlin.db.audit import Audit
from tests.billing.plan_shop import ANNA, BY_VERA, STARS, YOOKASSA, Shop
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration


def claim_due(shop):
    is_any = shop.billing.refunds.is_due(YOOKASSA, shop.clock())
    refund_ids = [
        refund.refund_id
        for refund in shop.billing.refunds.claim_due(YOOKASSA, shop.clock())
    ]
    assert is_any or not refund_ids
    return refund_ids


@pytest.fixture
def grant(shop):
    """The grant of a payment of anna."""
    _, grant = shop.buy()
    return grant


@pytest.fixture
def refund(shop, grant):
    """A refund of the whole payment that vera requested."""
    return shop.request_refund(grant)


def test_refund_request_is_stored_audited_and_executed(shop, grant, refund):
    assert (refund.state, refund.amount, refund.user_id) == (
        "wanted",
        grant.amount,
        ANNA,
    )
    assert refund.payment_id == shop.find_payment(grant).outside_id
    assert shop.list_kinds() == ["payment", "grant"]
    (claimed,) = shop.billing.refunds.claim_due(YOOKASSA, shop.clock())
    assert claimed.refund_id == refund.refund_id
    assert (
        shop.billing.refunds.mark_done(refund.refund_id, shop.report_refund(refund))
        is not None
    )
    (done,) = shop.billing.refunds.list_of_purchase(refund.purchase_id)
    assert (done.state, done.outside_id, done.by) == (RefundState.DONE, "back", BY_VERA)
    assert shop.list_kinds() == ["payment", "grant", "refund", "revocation"]
    assert [entry.action for entry in Audit(shop.db).list_newest(9)] == [
        "payment.refund"
    ]
    assert claim_due(shop) == []
    assert not shop.billing.refunds.is_due(YOOKASSA, shop.clock())


def test_ledger_entry_of_a_refund_contains_no_name_or_reason(shop, refund):
    entry = shop.billing.refunds.mark_done(refund.refund_id, shop.report_refund(refund))
    assert (entry.source, entry.reason) == ("user", "")


def test_repeated_refund_report_is_recorded_once(shop, refund):
    report = shop.report_refund(refund)
    entries = [
        shop.billing.refunds.mark_done(refund.refund_id, report) for _ in range(3)
    ]
    assert [entry is not None for entry in entries] == [True, False, False]
    kinds = [(each.kind.value, each.amount.minor) for each in shop.list_entries()]
    assert kinds.count(("refund", 29_990)) == 1
    assert shop.list_kinds().count("refund") == 1


def test_refund_first_reported_by_the_gateway_is_not_recorded_again(
    shop, refund, grant
):
    shop.refund(grant, outside_id="back")
    assert (
        shop.billing.refunds.mark_done(refund.refund_id, shop.report_refund(refund))
        is None
    )
    assert shop.list_kinds().count("refund") == 1
    assert (
        shop.billing.refunds.list_of_purchase(grant.purchase_id)[0].state
        is RefundState.DONE
    )


def test_same_key_returns_the_same_refund_request(shop, grant):
    first = shop.request_refund(grant, key="button-1")
    assert shop.request_refund(grant, key="button-1").refund_id == first.refund_id
    shop.billing.refunds.mark_done(first.refund_id, shop.report_refund(first))
    again = shop.request_refund(grant, key="button-1")
    assert (again.refund_id, again.state) == (first.refund_id, RefundState.DONE)
    assert len(shop.billing.refunds.list_of_purchase(grant.purchase_id)) == 1
    # Repeated after it was done, the call for the newest payment with money left names another.
    _, earlier = shop.buy()
    assert shop.request_refund(earlier, key="button-1").refund_id == first.refund_id


@pytest.mark.parametrize("key", ["", "button-1"])
def test_concurrent_refunds_by_admins_create_one(shop, clock, run_at_once, key, grant):

    def refund(_, database):
        try:
            return Shop(database, clock).request_refund(grant, key=key).refund_id
        except Refused as refused:
            return refused.key

    results = run_at_once(refund, 4)
    (stored,) = shop.billing.refunds.list_of_purchase(grant.purchase_id)
    others = [result for result in results if result != stored.refund_id]
    assert others == ([] if key else ["billing-refund-under-way"] * 3)


def test_impossible_refund_is_refused_with_a_reason(shop, grant):
    assert (
        refusal_key(Refused, shop.request_refund, grant, 29_991)
        == "billing-refund-too-much"
    )
    shop.request_refund(grant, 1)
    assert (
        refusal_key(Refused, shop.request_refund, grant, 1)
        == "billing-refund-under-way"
    )
    with pytest.raises(NotFound):
        shop.billing.refunds.request(grant.refers, grant.amount, "", BY_VERA)


def test_payment_that_went_back_whole_cannot_be_refunded_again(shop, grant):
    shop.refund(grant, outside_id="back")
    assert refusal_key(Refused, shop.request_refund, grant) == "billing-refund-done"


@pytest.mark.parametrize(
    ("reason", "key"),
    [
        ("\u200b", "billing-refund-reason"),
        ("x" * (MAX_REASON_LENGTH + 1), "billing-refund-long-reason"),
    ],
)
def test_reason_that_nobody_can_read_is_refused(reason, key):
    assert refusal_key(Refused, check_reason, reason) == key
    check_reason("x" * MAX_REASON_LENGTH)


def test_typed_amount_is_refunded_or_refused():
    remaining = Amount(29_990, Currency.RUB)
    assert parse_refund(" ", remaining, "en") == remaining
    assert parse_refund("100.50", remaining, "en").minor == 10_050
    for typed, key in (
        ("all", "billing-no-amount"),
        ("300", "billing-refund-too-much"),
    ):
        assert refusal_key(Refused, parse_refund, typed, remaining, "en") == (key)


def test_stars_can_only_be_refunded_whole(shop):
    _, grant = shop.buy(gateway=STARS)
    assert (
        refusal_key(Refused, shop.request_refund, grant, 199) == "billing-refund-stars"
    )
    assert shop.request_refund(grant).amount == grant.amount


def test_stars_of_an_erased_user_cannot_be_refunded(shop, clock):
    _, stars = shop.buy(gateway=STARS)
    _, roubles = shop.buy()
    PersonalRecords(shop.db, clock).forget(ANNA)
    assert refusal_key(Refused, shop.request_refund, stars) == "billing-refund-left"
    assert shop.request_refund(roubles).user_id == 0


def test_unanswered_refund_is_retried_with_growing_delays(shop, clock, refund, grant):
    assert claim_due(shop) == [refund.refund_id]
    for seconds in (30, 60, 300, 1800, 21_600, 21_600):
        clock.move(seconds - 1)
        assert claim_due(shop) == []
        clock.move(1)
        assert claim_due(shop) == [refund.refund_id]
    assert (
        shop.billing.refunds.list_of_purchase(grant.purchase_id)[0].state
        is RefundState.SENDING
    )


def test_refund_is_sent_and_asked_about_although_the_clock_was_set_back(
    shop, clock, refund
):
    for _ in range(3):
        clock.move(-3600)
        assert claim_due(shop) == [refund.refund_id]
        assert claim_due(shop) == []


def test_completed_refund_cannot_be_marked_refused(shop, refund):
    shop.billing.refunds.mark_done(refund.refund_id, shop.report_refund(refund))
    assert not shop.billing.refunds.mark_refused(refund.refund_id, "late")
    with pytest.raises(NotFound):
        shop.billing.refunds.mark_done("nothing", shop.report_refund(refund))


def test_refund_claimed_by_one_process_is_not_claimed_by_another(
    shop, run_beside, refund
):
    mine = []
    theirs = run_beside(
        lambda: mine.extend(claim_due(shop)),
        lambda other: Refunds(other, shop.clock).claim_due(YOOKASSA, shop.clock()),
    )
    assert (mine, theirs) == ([refund.refund_id], [])
