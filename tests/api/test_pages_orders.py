"""The plans, the checkout and a user's own orders over real HTTP, without JavaScript."""

import re
from dataclasses import replace

import httpx
import pytest

from merlin.account.users import Users
from merlin.app import payments
from merlin.billing.refunds import RefundState
from merlin.billing.terms import Terms
from merlin.db.tables import PURCHASE
from tests.api.payment_api import (
    check_text,
    checkout_form,
    page_text,
    press_pay,
    reset,
    run_shop_pages,
)
from tests.support.faults import Fault, FaultKind
from tests.support.people import ADMIN
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with run_shop_pages(tmp_path_factory.mktemp("market")) as site:
        yield site


@pytest.fixture
def shop(shared):
    return reset(shared)


def test_checkout_leads_to_a_page_that_shows_the_order_as_paid(shop, anna):
    order_id = press_pay(anna)
    lead = anna.http.get(f"/orders/{order_id}/pay")
    page = shop.purchase(order_id).pay_url
    assert f'<meta http-equiv="refresh" content="0;url={page}">' in lead.text
    waits = anna.http.get(f"/orders/{order_id}")
    assert "Ждём 299 ₽" in page_text(waits)
    assert 'hx-trigger="every 6s"' in waits.text
    # No notification comes: the page polls the gateway when it is opened.
    shop.yookassa.behave(notifications="never")
    shop.yookassa.choose(order_id, "paid")
    paid = "Оплата 299 ₽ прошла. Тариф «Плюс» действует до"
    check_text(anna.http.get(f"/orders/{order_id}"), paid)
    assert shop.count_grants(order_id) == 1
    check_text(anna.http.get("/orders"), "«Плюс», 30 дней")
    assert re.search(r"Плюс текущий тариф до \d+", page_text(anna.http.get("/plans")))
    lead = anna.http.get(f"/orders/{order_id}/pay")
    assert lead.headers["location"] == f"/orders/{order_id}"
    # Back to the page of the checkout, as it was before the payment.
    again = anna.http.post("/checkout/plus", data={**checkout_form(anna), "ends": ""})
    assert len(shop.billing.purchases.list_of_user(anna.user_id)) == 1
    warned = "второй раз деньги не списаны", "Новые дни начнутся"
    check_text(again, *warned, status=409)
    assert press_pay(anna) != order_id


def test_declined_payment_shows_its_reason_and_offers_to_try_again(shop, anna):
    order_id = press_pay(anna, "voices")
    shop.yookassa.choose(order_id, "declined", reason="insufficient_funds")
    shop.wait_for_state(order_id, "canceled")
    page = anna.http.get(f"/orders/{order_id}")
    assert "Оплата не прошла: недостаточно средств" in page_text(page)
    assert '<a class="btn" href="/checkout/voices">Попробовать ещё раз' in page.text
    assert (
        'name="contact" value="anna@example.com"'
        in anna.http.get("/checkout/voices").text
    )
    assert "hx-get" not in page.text
    assert press_pay(anna, "voices") != order_id


def test_polling_an_order_page_calls_the_gateway_at_most_ten_times_a_minute(shop, anna):
    order_id = press_pay(anna)
    shop.yookassa.faults.add(
        Fault("payments.retrieve", FaultKind.STATUS, status=500, times=100)
    )
    for _ in range(30):
        assert "Ждём 299 ₽" in page_text(anna.http.get(f"/orders/{order_id}"))
    (fault,) = shop.yookassa.faults.list_pending()
    # One more has come in the meantime, and the worker may have read it too.
    assert 100 - fault.times <= 12


def test_order_page_of_another_user_returns_404(shop):
    order_id = press_pay(shop.buyer())
    boris = shop.buyer().http
    before = shop.purchase(order_id)
    page, none = (boris.get(f"/orders/{each}") for each in (order_id, "f" * 32))
    assert page_text(page).partition("Код")[0] == page_text(none).partition("Код")[0]
    assert "299" not in page_text(page)
    for method, path in (
        ("GET", order_id),
        ("GET", "%00"),
        ("GET", f"{order_id}/pay"),
        ("GET", f"{order_id}/live"),
        ("POST", f"{order_id}/pay"),
        ("POST", f"{order_id}/cancel"),
    ):
        assert boris.request(method, f"/orders/{path}").status_code == 404, path
    assert shop.purchase(order_id) == before
    assert "Плюс" not in page_text(boris.get("/orders"))


def test_live_update_returns_204_until_the_order_changes(shop, anna):
    order_id = press_pay(anna)
    page = anna.http.get(f"/orders/{order_id}").text
    live = re.search('hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    assert anna.http.get(live).status_code == 204
    assert '<noscript><meta http-equiv="refresh" content="10">' in page
    shop.yookassa.choose(order_id, "paid")
    shop.wait_for_state(order_id, "paid")
    news = anna.http.get(live)
    assert "прошла. Тариф" in page_text(news)
    assert "hx-get" not in news.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "http://evil\n.example", "//evil", ""]
)
def test_invalid_payment_page_url_is_not_followed(shop, address, anna):
    order_id = press_pay(anna, "voices")
    shop.sql("UPDATE purchase SET pay_url = ? WHERE id = ?", address, order_id)
    answer = anna.http.get(f"/orders/{order_id}/pay")
    assert answer.headers["location"] == f"/orders/{order_id}"
    assert "javascript:" not in anna.http.get(f"/orders/{order_id}").text


def test_plans_page_shows_contents_and_prices(shop):
    shown = {
        "ru": (
            "20 текстовых вопросов в день",
            "20 голосовых вопросов в день, не больше 300 в месяц",
            "31 вопрос с фотографией в месяц",
            "2 вопроса с документом в день",
            "299 ₽ или 200 звёзд Telegram",
            "1 499,90 ₽",
            "Вопросы любого вида без ограничений",
            "Модели: big-…",
        ),
        "en": ("2 questions with a document a day", "₽299 or 200 Telegram Stars"),
    }
    for language, words in shown.items():
        chosen = {"Accept-Language": language}
        check_text(shop.site.client.get("/plans", headers=chosen), *words)


def test_page_of_the_account_names_other_plans_and_what_is_left_of_packs(shop, anna):
    given = Terms(shop.db)
    given.add(anna.user_id, "plus", 30, "gift:plus", "cli:vera")
    given.add(anna.user_id, "max", 30, "gift:max", "cli:vera")
    order_id = press_pay(anna, "voices")
    shop.yookassa.choose(order_id, "paid")
    shop.wait_for_state(order_id, "paid")
    left = "Ещё есть тариф «Плюс»: до", "20 голосовых вопросов"
    check_text(anna.http.get("/me"), *left)


def test_payment_lifts_the_limits_by_number_and_by_format(shop, anna):
    def show_left():
        _, _, account = page_text(anna.http.get("/me")).partition("Выйти Тариф")
        return account.partition("Тарифы")[0]

    def pay(plan):
        order_id = press_pay(anna, plan)
        assert show_left() == before  # an order alone gives nothing
        shop.yookassa.choose(order_id, "paid")
        shop.wait_for_state(order_id, "paid")
        return show_left()

    before = show_left()
    assert "Текстовые вопросы осталось 20 из 20" in before
    assert "Голосовые вопросы" not in before
    before = pay("plus")
    for left in (
        "Текстовые вопросы осталось 200 из 200",
        "Голосовые вопросы осталось 20 из 20",
        "Фотографии осталось 31 из 31",
        "Документы осталось 2 из 2",
    ):
        assert left in before
    packs = pay("voices").partition("Вопросы сверх тарифа")[2]
    assert "1 вопрос с фотографией до" in packs
    assert "20 голосовых вопросов до" in packs


def test_plan_without_an_end_says_so_on_the_page_of_plans(shop, anna):
    Users(shop.db).set_plan(anna.user_id, "max", "cli:vera")
    endless = "Безграничный текущий тариф без срока"
    check_text(anna.http.get("/plans"), endless)


def test_nothing_is_sold_for_roubles_inside_telegram(shop, anna):
    order_id = press_pay(anna, "voices")
    form = checkout_form(anna)
    anna.http.cookies.set("merlin_within", "telegram")
    assert "₽" not in page_text(anna.http.get("/plans"))
    assert 'name="price"' not in anna.http.get("/checkout/plus").text
    assert anna.http.post("/checkout/plus", data=form).status_code == 404
    order = f"/orders/{order_id}"
    assert anna.http.get(f"{order}/pay").headers["location"] == order
    (ordered,) = shop.billing.purchases.list_of_user(anna.user_id)
    assert ordered.purchase_id == order_id


def test_checkout_and_orders_redirect_to_sign_in_and_back(shop):
    for path in ("/checkout/plus?from=bot", "/orders", f"/orders/{'0' * 32}"):
        answer = shop.site.client.get(path)
        assert answer.status_code == 303
        back = httpx.URL(answer.headers["location"])
        assert (back.path, back.params["next"]) == ("/sign-in", path)


@pytest.mark.parametrize(
    ("contact", "error_text"),
    [
        ("", "Укажите почту или телефон"),
        ("anna@", "Проверьте почту"),
        ("12345", "Проверьте почту"),
    ],
)
def test_missing_or_invalid_receipt_contact_is_asked_for_again(
    shop, contact, error_text, anna
):
    answer = anna.http.post("/checkout/plus", data=checkout_form(anna, contact=contact))
    check_text(answer, error_text, status=422)
    assert shop.billing.purchases.list_of_user(anna.user_id) == []


def test_changed_price_is_shown_and_not_charged(shop, anna):
    for price in ("100", "29901", "0"):
        form = {**checkout_form(anna), "price": price}
        warned = "Цена изменилась. Деньги не списаны, ниже новая сумма"
        answer = anna.http.post("/checkout/plus", data=form)
        check_text(answer, warned, "Оплатить 299 ₽", status=409)
    assert shop.billing.purchases.list_of_user(anna.user_id) == []


def test_terms_equal_those_of_the_bot_and_are_linked_at_checkout(shop):
    read = shop.site.client.get
    assert "Мы отвечаем за то" in page_text(
        read("/terms", headers={"Accept-Language": "ru"})
    )
    assert "What you buy works." in page_text(read("/terms?lang=en"))
    for plan in ("max", "voices"):
        assert '<a href="/terms">' in shop.buyer().http.get(f"/checkout/{plan}").text


def test_part_whose_buyer_leaves_before_it_is_sent_is_not_refunded(shop):
    order_id = shop.buyer().buy("plus", contact="anna@example.com")
    ctx = shop.site.services
    details = payments.show_payment(ctx, ADMIN, order_id)
    ((grant, amount),) = details.remaining_amounts.items()

    def refund_and_leave():
        part = replace(amount, minor=100)
        payments.request_refund(ctx, ADMIN, order_id, grant, part, "x")
        ctx.db.update(PURCHASE, PURCHASE.id == order_id, contact="")

    before = len(shop.yookassa.refunds())
    shop.db.transact(refund_and_leave)
    refunds = shop.billing.refunds
    (refused,) = wait_until(
        lambda: [
            each
            for each in refunds.list_of_purchase(order_id)
            if each.state is RefundState.REFUSED
        ]
    )
    assert refused.trouble == "no_contact"
    assert len(shop.yookassa.refunds()) == before
