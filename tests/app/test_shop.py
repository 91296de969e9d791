"""What can be ordered, a person's current plan, and who may do what with payments."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from merlin.app import orders, payments
from merlin.app.actor import Actor
from merlin.app.plans import (
    ENDS_BEFORE,
    has_shop,
    notify_expiry,
    read_current_plan,
    read_terms,
)
from merlin.app.shop import gives_something, place_order
from merlin.billing.quota import Format
from merlin.config.shop import PaymentsConfig, Receipt, YooKassaConfig
from merlin.core.errors import NotFound, Refused
from tests.billing.plan_shop import (
    ANNA,
    BORIS,
    PLANS,
    PRICES_AND_GATEWAYS,
    STARS,
    YOOKASSA,
    Shop,
    show_quota,
)
from tests.support.people import ADMIN, EDITOR, STUDENT, VERA
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration


def order(shop, name="plus", gateway=YOOKASSA, actor=STUDENT, contact=""):
    return shop.db.transact(
        partial(place_order, shop.ctx, actor, name, gateway, contact)
    )


def test_plan_is_ordered_at_the_price_of_the_gateway(shop):
    assert [
        order(shop, gateway=gateway).order.amount.minor for gateway in (YOOKASSA, STARS)
    ] == [29_990, 200]


@pytest.mark.parametrize(
    ("name", "actor", "key"),
    [
        ("free", STUDENT, "billing-not-sold"),
        ("golden", STUDENT, "billing-not-sold"),
        ("plus", Actor(), "billing-no-purchase"),
    ],
)
def test_what_is_not_sold_and_nobodys_order_are_not_found(shop, name, actor, key):
    assert refusal_key(NotFound, order, shop, name, actor=actor) == key


def test_without_the_gateway_its_price_is_not_offered(database, clock):
    shop = Shop(database, clock, (PLANS, PaymentsConfig()))
    assert refusal_key(Refused, order, shop) == "billing-not-sold-this-way"
    assert order(shop, gateway=STARS).order.amount.minor == 200


def test_order_with_a_receipt_needs_an_address_for_it(database, clock):
    yookassa = YooKassaConfig(receipt=Receipt(), test=True)
    shop = Shop(database, clock, (PLANS, PaymentsConfig(yookassa=yookassa)))
    assert refusal_key(Refused, order, shop) == "billing-no-contact"
    placed = order(shop, contact="anna@example.com").order
    assert (placed.contact, placed.is_test) == ("anna@example.com", True)
    order(shop, gateway=STARS)


def test_payment_of_a_plan_that_was_removed_gives_nothing_but_its_pack(
    shop, database, clock
):
    plan, pack = (order(shop, name).order for name in ("plus", "voices"))
    assert gives_something(shop.ctx, plan)
    without_plus = tuple(each for each in PLANS if each.name == "free")
    later = Shop(database, clock, (without_plus, PaymentsConfig()))
    assert not gives_something(later.ctx, plan)
    assert gives_something(later.ctx, pack)


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


@pytest.mark.parametrize("actor", [STUDENT, EDITOR, Actor()])
def test_only_admins_can_see_and_change_payments_of_others(shop, actor):
    purchase, _ = shop.buy(VERA)
    ctx = shop.ctx
    details = payments.show_payment(ctx, ADMIN, purchase.purchase_id)
    ((grant, amount),) = details.remaining_amounts.items()
    acts = [
        lambda: payments.list_payments(ctx, actor, 10),
        lambda: payments.show_payment(ctx, actor, purchase.purchase_id),
        lambda: payments.request_refund(
            ctx, actor, purchase.purchase_id, grant, amount, "why"
        ),
        lambda: orders.show_order(ctx, actor, purchase.purchase_id),
        lambda: orders.cancel_order(ctx, actor, purchase.purchase_id),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            shop.db.transact(act)
    assert shop.billing.refunds.list_of_purchase(purchase.purchase_id) == []


@pytest.mark.parametrize(
    ("gateway", "receipt", "contact", "minor", "is_refused"),
    [
        (YOOKASSA, Receipt(), "", 100, True),
        (YOOKASSA, Receipt(), "", 29_990, False),
        (YOOKASSA, Receipt(), "anna@example.com", 100, False),
        (YOOKASSA, None, "", 100, False),
        (STARS, Receipt(), "", 200, False),
    ],
)
def test_part_whose_receipt_would_go_nowhere_is_not_refunded(
    shop, database, clock, gateway, receipt, contact, minor, is_refused
):
    # The receipts were set up after the sale, or the buyer deleted their data.
    bought, grant = shop.buy(gateway=gateway, contact=contact)
    yookassa = YooKassaConfig().model_copy(update={"receipt": receipt})
    later = Shop(database, clock, (PLANS, PaymentsConfig(yookassa=yookassa)))

    def refund():
        amount = replace(grant.amount, minor=minor)
        request = payments.request_refund
        order_id = bought.purchase_id
        request(later.ctx, ADMIN, order_id, grant.entry_id, amount, "x")

    if is_refused:
        key = "billing-refund-no-contact"
        assert refusal_key(Refused, shop.db.transact, refund) == key
    else:
        shop.db.transact(refund)
    is_stored = bool(shop.billing.refunds.list_of_purchase(bought.purchase_id))
    assert is_stored is not is_refused


def test_grant_that_the_payment_did_not_give_cannot_be_refunded(shop):
    first, _ = shop.buy()
    details = payments.show_payment(shop.ctx, ADMIN, first.purchase_id)
    ((grant, amount),) = details.remaining_amounts.items()

    def refund_another():
        payments.request_refund(
            shop.ctx, ADMIN, first.purchase_id, grant + 1, amount, "why"
        )

    assert (
        refusal_key(NotFound, shop.db.transact, refund_another) == "billing-no-payment"
    )
    assert shop.billing.refunds.list_of_purchase(first.purchase_id) == []
