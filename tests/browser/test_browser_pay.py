"""Buying in a browser: from the plans to the payment page and back to the paid order."""

import re
from itertools import count

import pytest
from playwright.sync_api import expect

from merlin.account.users import Users
from tests.api.payment_api import PUBLIC_URL, press_pay, run_shop_pages
from tests.api.running_api import VERA
from tests.browser.axe_and_screenshots import (
    LANGUAGES,
    is_complete,
    require_no_faults,
)
from tests.browser.course_browser import (
    Visitor,
    expect_spoken,
    note_regions,
    open_visitor,
)

pytestmark = pytest.mark.integration

# Made of the same parts as other pages: checked only with LOOKS=all.
REPEATED_PARTS = {
    "plans-of-nobody",
    "checkout-stars",
    "plan-lost",
    "terms",
    "orders",
    "me",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop whose configuration says that payments are real."""
    with run_shop_pages(tmp_path_factory.mktemp("market"), test=False) as pages:
        pages.yookassa.behave(is_test=False)
        pages.site.numbers = count(8000)
        yield pages


@pytest.fixture
def visitor(pages, shop):
    yield from open_visitor(pages, shop.site)


def redirect_to_site(visitor: Visitor, page):
    """Redirect the public address, to which the payment page returns, to the site."""
    address = visitor.site.address

    def redirect(route):
        location = route.request.url.replace(PUBLIC_URL, address)
        route.fulfill(status=302, headers={"Location": location})

    def rewrite_location(route):
        # Playwright does not intercept redirects: rewrite the Location header here.
        response = route.fetch(max_redirects=0)
        headers = {
            name: value.replace(PUBLIC_URL, address)
            for name, value in response.headers.items()
        }
        route.fulfill(response=response, headers=headers)

    page.context.route(f"{PUBLIC_URL}/**", redirect)
    page.context.route("**/pay/*", rewrite_location)
    return page


def list_orders(shop, user_id):
    return shop.billing.purchases.list_of_user(user_id)


def open_checkout(visitor, user_id, **options):
    """Go from the plans to the checkout of "Plus" and fill it in; return the page."""
    page = redirect_to_site(visitor, visitor.open("/plans", user_id, **options))
    page.get_by_role("listitem").filter(has_text="Плюс").get_by_role(
        "link", name=re.compile("^Купить")
    ).click()
    page.get_by_label("Куда прислать чек").fill("anna@example.com")
    return page


def test_purchase_leads_from_plans_through_the_gateway_to_a_paid_order(visitor, shop):
    anna = visitor.add_user()
    page = open_checkout(visitor, anna)
    page.get_by_role("button", name="Оплатить 299 ₽").dblclick()
    page.wait_for_url(f"{shop.yookassa.base_url.removesuffix('/v3')}/pay/*")
    page.locator("#pay").click()
    page.wait_for_url("**/orders/*")
    now = "Оплата 299 ₽ прошла. Тариф «Плюс» действует до"
    expect(page.locator("#order").get_by_text(now)).to_be_visible()
    (order,) = list_orders(shop, anna)
    assert shop.count_grants(order.purchase_id) == 1
    assert [payment["metadata"]["user"] for payment in shop.yookassa.payments()].count(
        str(anna)
    ) == 1


def test_sum_and_button_stay_in_view_on_a_phone(visitor):
    # The keyboard takes the lower half of 844 px.
    narrow = {
        "viewport": {"width": 390, "height": 460},
        "has_touch": True,
        "is_mobile": True,
    }
    page = visitor.open("/checkout/plus", visitor.add_user(), **narrow)
    for _ in range(2):
        expect(page.locator(".total b")).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="Оплатить 299 ₽")).to_be_in_viewport(
            ratio=1
        )
        page.get_by_label("Куда прислать чек").focus()


def test_open_order_page_updates_when_the_order_is_paid(visitor, shop):
    anna = shop.buyer()
    order_id = press_pay(anna, "voices")
    page = visitor.open(f"/orders/{order_id}", anna.user_id)
    check = page.get_by_role("link", name="Проверить сейчас")
    check.focus()
    with page.expect_response("**/live?*"):
        pass
    # Nothing changed: the focused link stays focused.
    expect(check).to_be_focused()
    note_regions(page)
    shop.yookassa.choose(order_id, "paid")
    told = page.locator("#order").get_by_text(
        "20 голосовых вопросов: осталось 20, действуют"
    )
    expect(told).to_be_visible()
    expect(check).to_have_count(0)
    expect_spoken(page, "прошла.")


@pytest.fixture(scope="module")
def page_paths(shop):
    """Name -> path and user of every page of the shop."""
    anna = shop.buyer()
    boris = shop.buyer()
    Users(shop.db).set_name(boris.user_id, "Борис")
    paid = press_pay(anna, "voices")
    shop.yookassa.choose(paid, "paid")
    shop.wait_for_state(paid, "paid")
    unpaid = press_pay(anna, "max")
    return {
        "plans": ("/plans", anna.user_id),
        "plans-of-nobody": ("/plans", None),
        "checkout": ("/checkout/plus", boris.user_id),
        "checkout-stars": ("/checkout/course", boris.user_id),
        "order": (f"/orders/{paid}", anna.user_id),
        "order-waits": (f"/orders/{unpaid}", anna.user_id),
        "orders": ("/orders", anna.user_id),
        "order-lost": (f"/orders/{paid}", boris.user_id),
        "plan-lost": ("/checkout/nothing", boris.user_id),
        "terms": ("/terms", None),
        "me": ("/me", anna.user_id),
        "billing": ("/admin/billing", VERA),
        "payment": (f"/admin/billing/{paid}", VERA),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_no_violation_on_shop_pages(visitor, page_paths, language):
    pages = {
        name: page
        for name, page in page_paths.items()
        if is_complete() or name not in REPEATED_PARTS
    }
    require_no_faults(visitor, pages, language)
