"""What can be ordered at which gateway, and an order's address for the receipt."""

from functools import partial

import pytest

from merlin.app.actor import Actor
from merlin.app.shop import gives_something, place_order
from merlin.config.shop import PaymentsConfig, Receipt, YooKassaConfig
from merlin.core.errors import NotFound, Refused
from tests.billing.plan_shop import PLANS, STARS, YOOKASSA, Shop
from tests.support.people import STUDENT

pytestmark = pytest.mark.integration


def order(shop, name="plus", gateway=YOOKASSA, actor=STUDENT, contact=""):
    return shop.db.transact(
        partial(place_order, shop.ctx, actor, name, gateway, contact)
    )


def test_plan_is_ordered_at_the_price_of_the_gateway(shop):
    assert [
        order(shop, gateway=gateway).order.amount.minor for gateway in (YOOKASSA, STARS)
    ] == [29_990, 200]


def test_equal_open_order_is_returned_instead_of_a_second(shop):
    first = order(shop).purchase_id
    assert order(shop).purchase_id == first
    assert order(shop, "voices").purchase_id != first


@pytest.mark.parametrize(
    ("name", "actor", "key"),
    [
        ("free", STUDENT, "billing-not-sold"),
        ("golden", STUDENT, "billing-not-sold"),
        ("plus", Actor(), "billing-no-purchase"),
    ],
)
def test_what_is_not_sold_and_nobodys_order_are_not_found(shop, name, actor, key):
    with pytest.raises(NotFound) as caught:
        order(shop, name, actor=actor)
    assert caught.value.key == key


def test_without_the_gateway_its_price_is_not_offered(database, clock):
    shop = Shop(database, clock, (PLANS, PaymentsConfig()))
    with pytest.raises(Refused) as caught:
        order(shop)
    assert caught.value.key == "billing-not-sold-this-way"
    assert order(shop, gateway=STARS).order.amount.minor == 200


def test_order_with_a_receipt_needs_an_address_for_it(database, clock):
    yookassa = YooKassaConfig(receipt=Receipt(), test=True)
    shop = Shop(database, clock, (PLANS, PaymentsConfig(yookassa=yookassa)))
    with pytest.raises(Refused) as caught:
        order(shop)
    assert caught.value.key == "billing-no-contact"
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
