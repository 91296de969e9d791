"""Forged or false notifications of YooKassa: all are rejected (Y2)."""

import pytest

from merlin.api.problems import HOOK_BYTES

pytestmark = pytest.mark.functional

ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
BILLING = ("purchase", "ledger", "plan_term", "refund", "question_pack", "notice")


def notification_body(event="payment.succeeded", **changes):
    return {"type": "notification", "event": event, "object": changes}


def paid_payment(order, **other):
    """Return a YooKassa payment object of a paid order, with changes."""
    usual = {
        "id": order.outside_id,
        "status": "succeeded",
        "paid": True,
        "amount": {"value": "299.00", "currency": "RUB"},
        "metadata": {"purchase": order.purchase_id, "user": str(order.user_id)},
        "test": True,
    }
    return notification_body(**{**usual, **other})


def make_forgeries(own_order, other, paid_order):
    """Return ten kinds of forgeries by a buyer who knows `own_order` and has paid `paid_order`."""
    return {
        "never paid": paid_payment(own_order),
        "for a kopeck": paid_payment(
            own_order, amount={"value": "0.01", "currency": "RUB"}
        ),
        "another currency": paid_payment(
            own_order, amount={"value": "299.00", "currency": "USD"}
        ),
        "another's payment": paid_payment(own_order, id=other.outside_id),
        "another's order": paid_payment(
            own_order, metadata={"purchase": other.purchase_id, "user": "1"}
        ),
        "another shop's": paid_payment(
            own_order, recipient={"account_id": "7", "gateway_id": "7"}
        ),
        "a replay": paid_payment(paid_order),
        "an unknown payment": paid_payment(
            own_order, id="2d000000-000f-5000-8000-000000000000"
        ),
        "a refund": notification_body(
            "refund.succeeded",
            id="r-1",
            payment_id=paid_order.outside_id,
            status="succeeded",
            amount={"value": "299.00", "currency": "RUB"},
        ),
        "from elsewhere": paid_payment(own_order),
    }


def read_payment_tables(shop):
    """Return all rows of the payment tables, without the times of the next poll."""
    tables = {}
    for name in BILLING:
        columns = [column.name for column in shop.db._handle.get_columns(name)]
        kept_columns = ", ".join(
            column for column in columns if column not in {"next_poll_at", "polls"}
        )
        tables[name] = shop.sql(f"SELECT {kept_columns} FROM {name} ORDER BY id")  # noqa: S608 - our own names
    return tables


def test_fifty_forged_notifications_change_nothing(shop, anna):
    eve = shop.buyer()
    own_order = shop.purchase(eve.start_payment())
    other_order = shop.purchase(anna.start_payment())
    paid_order = shop.purchase(anna.buy("pack"))
    before = read_payment_tables(shop)
    count = 0
    for name, body in make_forgeries(own_order, other_order, paid_order).items():
        headers = ELSEWHERE if name == "from elsewhere" else {}
        for _ in range(5):
            assert shop.yookassa.forge(body, headers) == (403 if headers else 200)
            count += 1
    shop.sync_order(own_order.purchase_id)
    shop.sync_order(other_order.purchase_id)
    shop.sync_order(paid_order.purchase_id)
    assert count == 50
    assert read_payment_tables(shop) == before
    assert (eve.terms, shop.state(own_order.purchase_id)) == ([], "pending")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 60_000]
)
def test_notification_that_is_not_a_json_object_returns_400(shop, body):
    assert shop.site.client.post("/hooks/payment", content=body).status_code == 400


def test_notification_over_the_size_limit_returns_413(shop):
    response = shop.site.client.post("/hooks/payment", content=b"x" * (HOOK_BYTES + 1))
    assert response.status_code == 413


def test_order_whose_payment_was_never_requested_is_not_synced(shop):
    order_id = shop.buyer().order()
    before = shop.purchase(order_id)
    body = notification_body(id="made-up", metadata={"purchase": order_id})
    assert shop.yookassa.forge(body) == 200
    assert shop.purchase(order_id) == before


def test_client_address_is_the_last_hop_added_by_the_trusted_proxy(shop):
    order_id = shop.buyer().start_payment()
    shop.yookassa.behave(notifications="never")
    shop.yookassa.choose(order_id, "paid")
    body = paid_payment(shop.purchase(order_id))
    spoofed = {"X-Forwarded-For": "185.71.76.1, 203.0.113.7"}
    assert shop.yookassa.forge(body, spoofed) == 403
    assert shop.yookassa.forge(body) == 200
    shop.wait_for_state(order_id, "paid")


def test_payment_hook_returns_404_without_a_shop(site):
    assert site.client.post("/hooks/payment", json={}).status_code == 404
