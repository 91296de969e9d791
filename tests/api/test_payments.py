"""Payments for admins: lists, refunds, sums."""

import pytest

from merlin.billing.ledger import EntryKind
from merlin.billing.refunds import RefundState
from tests.api.running_api import run_api
from tests.support.faults import Fault, FaultKind
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def post_refund(shop, order_id, **body):
    document = {"reason": "не подошло", **body}
    return shop.admin.post(f"/api/payments/{order_id}/refund", json=document)


def test_payments_are_listed_page_by_page(shop):
    anna = shop.buyer()
    order_ids = [anna.start_payment(plan) for plan in ("plus", "pack")] + [shop.buyer().order()]
    first = shop.admin.get("/api/payments", params={"limit": 2}).json()["payments"]
    assert [payment["id"] for payment in first] == order_ids[:0:-1]
    assert first[1]["user_id"] == anna.user_id
    response = shop.admin.get("/api/payments", params={"limit": 2})
    then = shop.admin.get(response.links["next"]["url"].split("https://merlin.example")[1])
    assert then.json()["payments"][0]["id"] == order_ids[0]
    some = shop.admin.get("/api/payments", params={"state": "created", "limit": 1}).json()
    assert some["payments"][0]["id"] == order_ids[2]


def test_payment_is_shown_with_its_ledger_entries(shop):
    order_id = shop.buyer().buy()
    body = shop.admin.get(f"/api/payments/{order_id}").json()
    assert [entry["kind"] for entry in body["entries"]] == ["payment", "grant"]
    assert body["entries"][1]["refers"] == body["entries"][0]["id"]
    assert body["gateway_id"] == shop.yookassa.payment(order_id)["id"]
    assert shop.admin.get(f"/api/payments/{'0' * 32}").status_code == 404


def test_partial_refund_and_the_rest_can_be_returned(shop):
    anna = shop.buyer()
    order_id = anna.buy()
    assert "Укажите причину" in post_refund(shop, order_id, reason=" \u200b").json()["detail"]
    refunds = post_refund(shop, order_id, minor=10000)
    assert (refunds.status_code, refunds.json()["amount"]["value"]) == (202, "100.00")
    shop.wait_for_state(order_id, "refunded-in-part")
    assert post_refund(shop, order_id, minor=19901).status_code == 409
    assert post_refund(shop, order_id).status_code == 202
    shop.wait_for_state(order_id, "refunded")
    assert post_refund(shop, order_id).status_code == 409
    assert [refund["amount"]["value"] for refund in shop.yookassa.refunds()[-2:]] == [
        "100.00",
        "199.00",
    ]
    for key in ("notice-refunded", "notice-refunded-part"):
        assert anna.notice_keys.count(key) == 1
    assert shop.entry_kinds(order_id)[-1] is EntryKind.REVOCATION
    assert shop.ledger_faults() == []
    refunds = shop.admin.get(f"/api/payments/{order_id}").json()["refunds"]
    assert [refund_["state"] for refund_ in refunds] == ["done", "done"]


def test_unpaid_order_cannot_be_refunded(shop):
    assert post_refund(shop, shop.buyer().start_payment()).status_code == 409
    assert post_refund(shop, "0" * 32).status_code == 404


@pytest.mark.parametrize(
    "body", [{"minor": 0}, {"minor": -1}, {"minor": "1"}, {"reason": ""}, {"reason": "x" * 251}]
)
def test_invalid_refund_request_is_refused(shop, body):
    assert post_refund(shop, shop.buyer().order(), **body).status_code == 422


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.HANG])
def test_refund_with_a_lost_response_is_created_once(shop, kind):
    order_id = shop.buyer().buy("pack")
    before = len(shop.yookassa.refunds())
    shop.yookassa.faults.add(Fault("refunds.create", kind))
    refund_id = post_refund(shop, order_id).json()["id"]
    wait_until(
        lambda: shop.billing.refunds.list_of_purchase(order_id)[0].state is RefundState.SENDING
    )
    shop.sql("UPDATE refund SET look_at = '2026-01-01T00:00:00.000000Z' WHERE id = ?", refund_id)
    shop.wait_for_state(order_id, "refunded")
    assert len(shop.yookassa.refunds()) == before + 1
    assert shop.ledger_faults() == []


def test_refund_with_a_forgotten_key_is_found_in_the_list(shop):
    order_id = shop.buyer().buy("pack")
    before = len(shop.yookassa.refunds())
    shop.yookassa.behave(notifications="never", key_s=0.0)
    shop.yookassa.faults.add(Fault("refunds.create", FaultKind.DROP))
    refund_id = post_refund(shop, order_id).json()["id"]
    wait_until(lambda: len(shop.yookassa.refunds()) == before + 1)
    old = "2026-01-01T00:00:00.000000Z"
    shop.sql("UPDATE refund SET look_at = ?, at = ? WHERE id = ?", old, old, refund_id)
    shop.wait_for_state(order_id, "refunded")
    assert len(shop.yookassa.refunds()) == before + 1


def test_pending_refund_is_polled_until_it_succeeds(shop):
    order_id = shop.buyer().buy("pack")
    shop.yookassa.behave(refund="pending")
    refund_id = post_refund(shop, order_id).json()["id"]
    pending = wait_until(lambda: [x for x in shop.yookassa.refunds() if x["status"] == "pending"])[
        0
    ]
    assert shop.state(order_id) == "paid"
    shop.yookassa.finish_refund(pending["id"], "succeeded")
    shop.sql("UPDATE refund SET look_at = '2026-01-01T00:00:00.000000Z' WHERE id = ?", refund_id)
    shop.wait_for_state(order_id, "refunded")
    (stored,) = shop.billing.refunds.list_of_purchase(order_id)
    assert stored.outside_id == pending["id"]


def test_refused_refund_notifies_admins_and_can_be_repeated(shop):
    anna = shop.buyer()
    order_id = anna.buy()
    shop.yookassa.behave(refund="insufficient_funds")
    post_refund(shop, order_id)
    wait_until(lambda: "notice-refund-refused" in shop.admin_notice_keys(purchase=order_id[:8]))
    (refused,) = shop.billing.refunds.list_of_purchase(order_id)
    assert (refused.state.value, refused.trouble) == ("refused", "insufficient_funds")
    assert (shop.state(order_id), len(anna.terms)) == ("paid", 1)
    shop.yookassa.behave(refund="succeeded")
    assert post_refund(shop, order_id).status_code == 202
    shop.wait_for_state(order_id, "refunded")


def test_billing_sums_include_payments_and_refunds(shop):
    anna = shop.buyer()
    before = read_sums(shop)
    order_id = anna.buy()
    shop.yookassa.refund(order_id, "40.00")
    shop.wait_for_state(order_id, "refunded-in-part")
    after = read_sums(shop)
    assert after["paid"] - before["paid"] == 29900
    assert after["returned"] - before["returned"] == 4000
    assert (after["payments"] - before["payments"], after["refunds"] - before["refunds"]) == (1, 1)
    assert (after["currency"], after["is_test"]) == ("RUB", True)


def read_sums(shop):
    body = shop.admin.get("/api/billing").json()
    rows = [row for row in body["sums"] if row["plan"] == "plus"]
    return rows[-1] if rows else {"paid": 0, "returned": 0, "payments": 0, "refunds": 0}


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-13-01"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"since": "1990-01-01", "until": "2026-01-01"},
        {"since": "yesterday"},
        {"since": "2026-02-01T00:00"},
    ],
)
def test_invalid_period_is_refused(shop, query):
    assert shop.admin.get("/api/billing", params=query).status_code == 422


def test_sums_are_empty_before_the_first_payment(shop):
    response = shop.admin.get("/api/billing", params={"since": "2020-01-01", "until": "2021-01-01"})
    assert response.json()["sums"] == []


def test_api_without_a_shop_sells_nothing_and_lists_no_orders(tmp_path):
    with run_api(tmp_path) as site:
        site.add_user(1001)
        with site.browser_client(1001) as anna:
            assert anna.post("/api/orders", json={"plan": "plus"}).status_code == 404
            assert anna.get("/api/orders").json() == {"orders": []}
