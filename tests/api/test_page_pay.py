"""The checkout pages over real HTTP, without JavaScript."""

import httpx
import pytest

from tests.api.payment_api import (
    checkout_form,
    page_text,
    press_pay,
    reset,
    run_shop_pages,
)
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with run_shop_pages(tmp_path_factory.mktemp("market")) as site:
        yield site


@pytest.fixture
def shop(shared):
    return reset(shared)


def test_plans_page_shows_contents_and_prices(shop):
    page = page_text(
        httpx.get(
            shop.site.address + "/plans", headers={"Accept-Language": "ru"}, timeout=longest()
        )
    )
    assert "20 текстовых вопросов в день" in page
    assert "20 голосовых вопросов в день, не больше 300 в месяц" in page
    assert "31 вопрос с фотографией в месяц" in page
    assert "2 вопроса с документом в день" in page
    assert "299 ₽ или 200 звёзд Telegram" in page
    assert "1 499,90 ₽" in page
    assert "Вопросы любого вида без ограничений" in page
    assert "Только по курсам: Алгоритмы и структуры данных" in page
    text = page_text(
        httpx.get(
            shop.site.address + "/plans", headers={"Accept-Language": "en"}, timeout=longest()
        )
    )
    assert "2 questions with a document a day" in text
    assert "₽299 or 200 Telegram Stars" in text


def test_nothing_is_sold_for_roubles_inside_telegram(shop):
    anna = shop.buyer()
    form = checkout_form(anna)
    anna.http.cookies.set("merlin_within", "telegram")
    assert "₽" not in page_text(anna.http.get("/plans"))
    assert 'name="price"' not in anna.http.get("/checkout/plus").text
    assert anna.http.post("/checkout/plus", data=form).status_code == 404
    assert shop.billing.purchases.list_of_user(anna.user_id) == []


def test_checkout_and_orders_redirect_to_sign_in_and_back(shop):
    with httpx.Client(base_url=shop.site.address, timeout=longest()) as nobody:
        for path in ("/checkout/plus?from=bot", "/orders", f"/orders/{'0' * 32}"):
            answer = nobody.get(path)
            assert answer.status_code == 303
            back = httpx.URL(answer.headers["location"])
            assert (back.path, back.params["next"]) == ("/sign-in", path)


@pytest.mark.parametrize(
    ("contact", "error_text"),
    [("", "Укажите почту или телефон"), ("anna@", "Проверьте почту"), ("12345", "Проверьте почту")],
)
def test_missing_or_invalid_receipt_contact_is_asked_for_again(shop, contact, error_text):
    anna = shop.buyer()
    answer = anna.http.post("/checkout/plus", data=checkout_form(anna, contact=contact))
    assert answer.status_code == 422
    assert error_text in page_text(answer)
    assert shop.billing.purchases.list_of_user(anna.user_id) == []


def test_receipt_contact_is_normalised_for_the_gateway(shop):
    anna = shop.buyer()
    order_id = press_pay(anna, contact="\u202a8 (916) 123-45-67\u202c")
    assert shop.purchase(order_id).order.contact == "79161234567"
    assert "Куда прислать чек +7 916 123-45-67" in page_text(anna.http.get(f"/orders/{order_id}"))


def test_changed_price_is_shown_and_not_charged(shop):
    anna = shop.buyer()
    for price in ("100", "29901", "0"):
        answer = anna.http.post("/checkout/plus", data={**checkout_form(anna), "price": price})
        assert answer.status_code == 409
        assert "Цена изменилась. Деньги не списаны; вот новая сумма" in page_text(answer)
        assert "Оплатить 299 ₽" in page_text(answer)
    assert shop.billing.purchases.list_of_user(anna.user_id) == []


def test_unavailable_plan_returns_404_with_an_explanation(shop):
    anna = shop.buyer()
    for name in ("nothing", "free", "%00", "x" * 90, "../plus"):
        page = anna.http.get(f"/checkout/{name}")
        assert page.status_code == 404, name
        assert anna.http.post(f"/checkout/{name}", data={"price": 1}).status_code == 404
    assert "Здесь это не продаётся" in page_text(anna.http.get("/checkout/free"))
    assert anna.http.post("/checkout/plus", data={"price": "many"}).status_code == 422


def test_terms_equal_those_of_the_bot_and_are_linked_at_checkout(shop):
    headers = {"Accept-Language": "ru"}
    terms = httpx.get(shop.site.address + "/terms", headers=headers, timeout=longest())
    assert "Мы отвечаем за то" in page_text(terms)
    english = httpx.get(shop.site.address + "/terms?lang=en", timeout=longest())
    assert english.status_code == 200
    assert "What you buy works." in page_text(english)
    for plan in ("max", "voices"):
        assert '<a href="/terms">' in shop.buyer().http.get(f"/checkout/{plan}").text
