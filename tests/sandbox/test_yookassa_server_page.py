"""The payment page of YooKassa's stand-in: each outcome can be chosen, in both languages."""

import pytest
import requests

from tests.sandbox.yookassa_client import YooKassaClient
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

RETURN_URL = "http://127.0.0.1:9/orders/1"


@pytest.fixture(scope="module")
def client():
    with YooKassaStandIn() as shop:
        yield YooKassaClient(shop)


def post_form(url, **form):
    return requests.post(url, data=form, timeout=longest(), allow_redirects=False)


def open_page(url, **headers):
    return requests.get(url, headers=headers, timeout=longest())


def create_payment_page(client, purchase, **fields):
    return client.pay(purchase, **fields)["confirmation"]["confirmation_url"]


@pytest.mark.parametrize(
    ("form", "status", "reason"),
    [
        ({"outcome": "paid"}, "succeeded", None),
        (
            {"outcome": "declined", "reason": "insufficient_funds"},
            "canceled",
            "insufficient_funds",
        ),
        (
            {"outcome": "declined", "reason": "3d_secure_failed"},
            "canceled",
            "3d_secure_failed",
        ),
        ({"outcome": "declined", "reason": "<b>"}, "canceled", "general_decline"),
        ({"outcome": "left"}, "pending", None),
    ],
)
def test_chosen_outcome_redirects_to_the_shop(client, form, status, reason):
    url = create_payment_page(client, "one")
    response = post_form(url, **form)
    assert (response.status_code, response.headers["location"]) == (303, RETURN_URL)
    document = client.shop.payment("one")
    assert document["status"] == status
    assert document.get("cancellation_details", {}).get("reason") == reason


def test_page_offers_the_ways_to_end_and_allows_only_the_shop_as_their_target(client):
    url = create_payment_page(client, "shown")
    page = open_page(url, **{"Accept-Language": "en"})
    assert "Decline payment" in page.text
    assert 'value="insufficient_funds"' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://127.0.0.1:9")
    assert page.headers["Cache-Control"] == "no-store"


def test_unknown_outcome_shows_the_page_again(client):
    url = create_payment_page(client, "odd")
    assert 'id="decline"' in post_form(url, outcome="stolen").text
    assert client.shop.payment("odd")["status"] == "pending"


def test_payment_that_has_ended_cannot_be_paid_again(client):
    url = create_payment_page(client, "twice")
    post_form(url, outcome="declined")
    again = post_form(url, outcome="paid")
    assert (again.status_code, url.endswith(again.headers["location"])) == (303, True)
    page = open_page(url).text
    assert ('id="to-shop"' in page, 'id="pay"' in page) == (True, False)
    assert client.shop.payment("twice")["status"] == "canceled"


def test_home_lists_the_newest_payments_first(client):
    urls = [create_payment_page(client, name) for name in ("old", "new")]
    paths = [url.removeprefix(client.root) for url in urls]
    page = open_page(f"{client.root}/").text
    assert page.index(paths[1]) < page.index(paths[0])


def test_page_of_no_payment_is_not_found(client):
    page = open_page(f"{client.root}/pay/nothing")
    assert (page.status_code, "Платёж не найден" in page.text) == (404, True)
