"""Admin pages of payments: orders, one payment, confirmed refunds; for admins only."""

import secrets

import pytest

from merlin.account.users import Users
from merlin.api.schema import MAX_ID
from merlin.billing.ledger import EntryKind
from tests.api.payment_api import check_text, page_text, press_pay, run_shop_pages
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
    def find(**query):
        return page_text(shop.admin.get("/admin/billing", params=query))

    newest = shop.admin.get("/admin/billing")
    assert 'class="b t"' not in newest.text
    assert "«20 голосовых», 90 дней" in page_text(newest)
    assert "Анна К. · №" in page_text(newest)
    assert "«Плюс», 30 дней" in find(person=sold.user_id, state="paid")
    buyer = shop.buyer()
    order_id = buyer.order("voices", contact="anna@example.com")
    assert order_id[:8] in find(person=buyer.user_id, state="pending")
    assert "Таких заказов нет" in find(state="canceled")
    number = sold.orders[0][:8]
    assert number in find(person=f"№ {number}")


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
    check_text(shop.admin.get(address), "платёж 99 ₽", "выдано 99 ₽")
    form = refund_form(shop, order_id, amount="40,50")
    response = shop.admin.post(f"{address}/refund", data=form)
    assert "Вернуть 40,50 ₽? Причина: «Ошибка»" in page_text(response)
    assert shop.billing.refunds.list_of_purchase(order_id) == []
    for _ in range(2):
        response = shop.admin.post(f"{address}/refund", data=form | {"sure": "true"})
        assert response.headers["location"] == f"{address}#refunds"
    shop.wait_for_state(order_id, "refunded-in-part")
    (refund,) = shop.billing.refunds.list_of_purchase(order_id)
    assert refund.amount.minor == 4050
    wait_until(lambda: "возвращено" in page_text(shop.admin.get(address)))
    named = "Ошибка · Вера", f"Анна К. · {sold.user_id}"
    check_text(shop.admin.get(address), *named)
    check_text(shop.admin.get("/admin/audit"), "сумма: 40,50 ₽")
    # An empty amount means everything that is left.
    rest = refund_form(shop, order_id, sure="true")
    shop.admin.post(f"{address}/refund", data=rest)
    shop.wait_for_state(order_id, "refunded")
    check_text(shop.admin.get(address), "отозвано")
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
    check_text(response, said, status=status)
    assert shop.billing.refunds.list_of_purchase(order_id) == []
