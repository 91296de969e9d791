"""Admin pages of payments: orders, one payment, confirmed refunds; for admins only."""

import secrets
from datetime import timedelta
from functools import partial

import pytest

from merlin.account.users import Users
from merlin.api.schema import MAX_ID
from merlin.app import settlement
from merlin.app.actor import Actor
from merlin.app.shop import place_order
from merlin.billing.ledger import EntryKind
from merlin.billing.subscriptions import Subscriptions
from merlin.core.permissions import Authority
from merlin.providers.payments import Gateway, GatewayPayment, PaymentStatus
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


@pytest.fixture
def renewing(shop):
    """A buyer whose plan renews, and the order's id."""
    buyer = shop.buyer()
    ctx = shop.site.services
    actor = Actor.person(buyer.user_id, Authority())
    place = partial(place_order, ctx, actor, "monthly", Gateway.STARS)
    purchase = shop.db.transact(place)
    payment = GatewayPayment(
        f"stx-{buyer.user_id}",
        PaymentStatus.SUCCEEDED,
        is_paid=True,
        amount=purchase.order.amount,
        is_test=False,
        purchase_id=purchase.purchase_id,
        user_id=str(buyer.user_id),
        at=ctx.clock(),
        until=ctx.clock() + timedelta(days=30),
    )
    shop.db.transact(partial(settlement.receive_payment, ctx, payment))
    return buyer, purchase.purchase_id


def test_pages_say_what_renews_and_what_is_paid_once(shop, renewing):
    buyer, order_id = renewing
    plans = page_text(shop.site.client.get("/plans", headers={"Accept-Language": "ru"}))
    assert "тариф продлевается сам каждые 30 дней" in plans
    assert "За рубли он покупается на 30 дней и сам не продлевается" in plans
    assert plans.count("продлевается сам") == 1
    checkout = page_text(buyer.http.get("/checkout/monthly"))
    assert "Сам тариф не продлевается" in checkout
    assert "не продлевается" not in page_text(buyer.http.get("/checkout/plus"))
    for page in ("/me", f"/orders/{order_id}"):
        check_text(buyer.http.get(page), "включено, следующее списание")
    listed = page_text(shop.admin.get("/admin/billing"))
    assert "«Месячный», каждые 30 дней, продлевается сам" in listed


def test_admin_turns_a_renewal_off_and_allows_it_again(shop, renewing):
    _, order_id = renewing
    address = f"/admin/billing/{order_id}"
    check_text(
        shop.admin.get(address), "включено, следующее", "Отключить автопродление"
    )
    form = {"turn": "off"}
    response = shop.admin.post(f"{address}/renewal", data=form)
    assert response.headers["location"] == f"{address}#renewal"
    told = page_text(shop.admin.get(address))
    assert "отключается в Telegram" in told
    assert "Да, отключить" not in told
    subscriptions = Subscriptions(shop.db)
    (claimed,) = subscriptions.claim_due(shop.site.services.clock())
    shop.db.transact(partial(settlement.finish_renewal, shop.site.services, claimed))
    check_text(shop.admin.get(address), "отключено, тариф работает до")
    shop.admin.post(f"{address}/renewal", data=form | {"turn": "on"})
    check_text(shop.admin.get(address), "Telegram просят снова разрешить")
    subscriptions.mark_told(subscriptions.find(order_id))
    shop.sql("UPDATE subscription SET ends_at = '2026-01-01T00:00:00+00:00'")
    response = shop.admin.post(f"{address}/renewal", data=form | {"turn": "on"})
    check_text(response, "Это автопродление закончилось", status=409)


def test_only_admins_change_renewals(shop, renewing):
    buyer, order_id = renewing
    form = {"turn": "off"}
    path = f"/admin/billing/{order_id}/renewal"
    assert buyer.http.post(path, data=form).status_code in {403, 404}
    assert Subscriptions(shop.db).find(order_id).wanted is None
