"""Admin pages of payments: orders, one payment, confirmed refunds; for admins only."""

import secrets

import pytest

from merlin.account.users import Users
from merlin.api.schema import MAX_ID
from merlin.billing.ledger import EntryKind
from tests.api.payment_api import page_text, press_pay, run_shop_pages
from tests.api.running_api import VERA
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A payment API that is not in test mode."""
    with run_shop_pages(tmp_path_factory.mktemp("market"), test=False) as site:
        site.yookassa.behave(is_test=False)
        yield site


@pytest.fixture(scope="module")
def sold(shop):
    """A buyer with two paid orders."""
    anna = shop.buyer()
    Users(shop.db).set_name(anna.user_id, "Анна К.")
    anna.orders = [press_pay(anna, name) for name in ("plus", "voices")]
    for order in anna.orders:
        shop.yookassa.choose(order, "paid")
        shop.wait_for_state(order, "paid")
    return anna


def read_grant(shop, order_id):
    return next(
        entry.entry_id
        for entry in shop.billing.ledger.entries(order_id)
        if entry.kind is EntryKind.GRANT
    )


def refund_form(shop, order_id, **changes):
    """Return the form data of a refund."""
    form = {
        "once": secrets.token_hex(16),
        "grant": read_grant(shop, order_id),
        "reason": "Ошибка",
    }
    return form | changes


def test_billing_page_lists_the_newest_payments(shop, sold):
    page = shop.admin.get("/admin/billing")
    text = page_text(page)
    assert 'class="b t"' not in page.text
    assert "«20 голосовых», 90 дней" in text
    assert "Анна К. · №" in text
    assert f"Анна К. · {sold.user_id}" in page_text(
        shop.admin.get(f"/admin/billing/{sold.orders[0]}")
    )
    only = page_text(
        shop.admin.get(
            "/admin/billing", params={"person": sold.user_id, "state": "paid"}
        )
    )
    assert "«Плюс», 30 дней" in only
    buyer = shop.buyer()
    waiting = {"person": buyer.user_id, "state": "pending"}
    order_id = buyer.order("voices", contact="anna@example.com")
    assert order_id[:8] in page_text(shop.admin.get("/admin/billing", params=waiting))
    none = page_text(shop.admin.get("/admin/billing", params={"state": "canceled"}))
    assert "Таких заказов нет" in none
    number = sold.orders[0][:8]
    assert number in page_text(
        shop.admin.get("/admin/billing", params={"person": f"№ {number}"})
    )


def test_refund_says_what_the_buyer_loses(shop, sold):
    plan, pack = (
        page_text(shop.admin.get(f"/admin/billing/{order}")) for order in sold.orders
    )
    assert "Срок сократится на ту же долю." in plan
    assert "Вопросов в пакете станет меньше на ту же долю" in pack
    assert "Срок сократится" not in pack


def test_confirmed_refund_returns_the_money_once(shop, sold):
    Users(shop.db).set_name(VERA, "Вера")
    order_id = sold.orders[1]
    address = f"/admin/billing/{order_id}"
    page = page_text(shop.admin.get(address))
    assert "платёж 99 ₽" in page
    assert "выдано 99 ₽" in page
    form = refund_form(shop, order_id, amount="40,50")
    response = shop.admin.post(f"{address}/refund", data=form)
    assert "Вернуть 40,50 ₽? Причина: «Ошибка»" in page_text(response)
    assert shop.billing.refunds.list_of_purchase(order_id) == []
    sure = form | {"sure": "true"}
    for _ in range(2):
        second_response = shop.admin.post(f"{address}/refund", data=sure)
        assert (second_response.status_code, second_response.headers["location"]) == (
            303,
            f"{address}#refunds",
        )
    shop.wait_for_state(order_id, "refunded-in-part")
    wait_until(lambda: "возвращено" in page_text(shop.admin.get(address)))
    assert [
        refund.amount.minor
        for refund in shop.billing.refunds.list_of_purchase(order_id)
    ] == [4050]
    # An empty amount means everything that is left.
    rest = refund_form(shop, order_id, sure="true")
    shop.admin.post(f"{address}/refund", data=rest)
    shop.wait_for_state(order_id, "refunded")
    for repeated in (sure, rest):
        assert shop.admin.post(f"{address}/refund", data=repeated).status_code == 303
    assert (
        sum(
            refund.amount.minor
            for refund in shop.billing.refunds.list_of_purchase(order_id)
        )
        == 9900
    )
    assert "Ошибка · Вера" in page_text(shop.admin.get(address))
    assert "сумма: 40,50 ₽" in page_text(shop.admin.get("/admin/audit"))
    assert "отозвано" in page_text(shop.admin.get(address))
    assert shop.ledger_faults() == []


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"amount": "много"}, 409, "много — не сумма"),
        ({"reason": " "}, 409, "Укажите причину возврата"),
        ({"grant": MAX_ID}, 404, "Страница не найдена"),
    ],
)
def test_impossible_refund_is_refused_with_a_reason(shop, sold, form, status, said):
    order_id = sold.orders[0]
    sure = refund_form(shop, order_id, sure="true", **form)
    response = shop.admin.post(f"/admin/billing/{order_id}/refund", data=sure)
    assert response.status_code == status
    assert said in page_text(response)
    assert shop.billing.refunds.list_of_purchase(order_id) == []
