"""What people and admins may do with payments, and what is audited, whichever interface asks."""

import pytest

from merlin.app import orders, payments
from merlin.app.actor import Actor
from merlin.app.shop import place_order
from merlin.core.errors import NotFound
from merlin.providers.payments import Gateway
from tests.support.people import ADMIN, EDITOR, STUDENT, VERA

pytestmark = pytest.mark.integration


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


def test_unknown_user_cannot_place_an_order(shop):
    with pytest.raises(NotFound):
        shop.db.transact(lambda: place_order(shop.ctx, Actor(), "plus", Gateway.STARS))


def test_grant_that_the_payment_did_not_give_cannot_be_refunded(shop):
    first, _ = shop.buy()
    details = payments.show_payment(shop.ctx, ADMIN, first.purchase_id)
    ((grant, amount),) = details.remaining_amounts.items()

    def refund_another():
        payments.request_refund(
            shop.ctx, ADMIN, first.purchase_id, grant + 1, amount, "why"
        )

    with pytest.raises(NotFound) as caught:
        shop.db.transact(refund_another)
    assert caught.value.key == "billing-no-payment"
    assert shop.billing.refunds.list_of_purchase(first.purchase_id) == []
