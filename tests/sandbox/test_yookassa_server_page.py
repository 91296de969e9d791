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
