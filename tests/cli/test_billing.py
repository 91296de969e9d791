"""`merlin billing`: refunds, and the ledger compared with the gateway."""

import asyncio
import json
import re
import shlex
import shutil

import pytest
import yaml

from merlin.account.users import User
from merlin.billing.purchases import order_number
from merlin.cli import main
from merlin.config.shop import PaymentsConfig, YooKassaConfig
from merlin.core.clock import utc_now
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.migrations import migrate
from merlin.providers.yookassa import YooKassaGateway
from tests.billing.plan_shop import (
    ANNA,
    BORIS,
    PLAN_SETTINGS,
    STARS,
    Shop,
    make_payment_request,
)
from tests.support.markdown_pages import read_page
from tests.support.plan_config import make_plans
from tests.support.stand_ins import YooKassaStandIn

pytestmark = pytest.mark.functional

SHOP_ID = "100500"
KEY = "test_stand-in"
PAGE = read_page("docs", "en", "payments.md").text
BACK = "http://127.0.0.1:8701/orders/1"


class BillingDatabase:
    """Billing on a folder's database; `with BillingDatabase(folder, shop) as services:`."""

    def __init__(self, folder, shop):
        self.folder = folder
        config = YooKassaConfig(base_url=shop.base_url, test=True)
        self.shop = (make_plans(PLAN_SETTINGS), PaymentsConfig(yookassa=config))
        self.database = open_database(f"sqlite://{folder}/state/merlin.db")

    def __enter__(self):
        migrate(self.database)
        self.database.cipher = load_or_make_key(self.folder / "state", None)
        return Shop(self.database, utc_now, self.shop)

    def __exit__(self, *_):
        self.database.close()


def pay(told, shop, purchase):
    """Pay an order at the YooKassa stand-in and store it; return the payment's id."""
    request = make_payment_request(purchase, BACK, "Плюс")
    asked = with_gateway(shop, lambda gateway: gateway.create(request))
    shop.choose(asked.outside_id, "paid")
    seen = with_gateway(shop, lambda gateway: gateway.find(asked.outside_id))
    assert told.apply_payment(purchase, seen).value == "paid"
    return asked.outside_id


def with_gateway(shop, call):
    gateway = YooKassaGateway(
        YooKassaConfig(base_url=shop.base_url, test=True), SHOP_ID, KEY
    )
    return asyncio.run(call(gateway))


@pytest.fixture(scope="module")
def shop():
    with YooKassaStandIn() as standin:
        yield standin


@pytest.fixture(scope="module")
def sold_folder(shop, tmp_path_factory):
    """A folder whose database has a plan sold by card and a pack sold for Stars."""
    folder = tmp_path_factory.mktemp("made")
    config = {
        "state_dir": "state",
        "timezone": "Europe/Moscow",
        "api": {"public_url": "http://127.0.0.1:8701"},
        "plans": PLAN_SETTINGS,
        "payments": {
            "yookassa": {"base_url": shop.base_url, "test": True, "receipt": {}}
        },
    }
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    with BillingDatabase(folder, shop) as told:
        told.users.record([User(ANNA, "ru"), User(BORIS, "en")])
        pay(told, shop, told.order(contact="anna@example.com"))
        told.buy(BORIS, "voices", STARS)
    return folder


@pytest.fixture
def folder(sold_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("YOOKASSA_SHOP_ID", SHOP_ID)
    monkeypatch.setenv("YOOKASSA_SECRET_KEY", KEY)
    return shutil.copytree(sold_folder, tmp_path / "place")


def run(capfd, folder, *arguments):
    capfd.readouterr()
    code = main([*arguments, "--config", str(folder / "config.yaml")])
    return code, capfd.readouterr()


def show_json(capfd, folder, *arguments, code=0):
    came, captured = run(capfd, folder, "billing", *arguments, "--json")
    assert came == code, captured.err
    return json.loads(captured.out)


@pytest.fixture
def order(folder, shop):
    """The order that was paid by card."""
    with BillingDatabase(folder, shop) as told:
        found = told.billing.purchases.list_newest(10)
        return next(each.purchase_id for each in found if each.order.user_id == ANNA)


def test_refund_is_recorded_for_the_payment_process(capfd, folder, order):
    document = show_json(
        capfd,
        folder,
        "refund",
        order,
        "--reason",
        "Не то",
        "--amount",
        "99,90 ₽",
        "--yes",
    )
    assert (document["state"], document["amount"]) == ("wanted", "99.90")
    assert document["by"].startswith("cli:")
    again, captured = run(
        capfd, folder, "billing", "refund", order, "--reason", "Ещё", "--yes"
    )
    assert (again, "in progress" in captured.err) == (1, True)


def test_documented_command_takes_the_number_that_people_see(capfd, folder, order):
    (line,) = re.findall(r"^\$ merlin (.* 081c62cb .*)", PAGE, re.MULTILINE)
    arguments = shlex.split(line.replace("081c62cb", order_number(order)))
    code, captured = run(capfd, folder, *arguments, "--yes")
    assert (code, order in captured.err) == (0, True), captured.err


@pytest.mark.parametrize(
    ("payments", "words"),
    [(0, "This order isn't paid"), (2, "The order was paid several times")],
)
def test_order_without_a_single_payment_is_not_refunded(
    capfd, folder, shop, payments, words
):
    with BillingDatabase(folder, shop) as told:
        purchase = told.order(BORIS, contact="boris@example.com")
        for _ in range(payments):
            told.pay(purchase)
    refund = ("billing", "refund", purchase.purchase_id, "--reason", "x", "--yes")
    code, captured = run(capfd, folder, *refund)
    assert (code, words in captured.err) == (1, True), captured.err
    with BillingDatabase(folder, shop) as told:
        assert told.billing.refunds.list_of_purchase(purchase.purchase_id) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--yes",), 2),
        (("--reason", "x"), 1),
        (("--reason", "x", "--yes", "--amount", "299.91"), 1),
        (("--reason", "x", "--yes", "--amount", "much"), 1),
    ],
)
def test_unconfirmed_or_invalid_refund_is_not_recorded(
    capfd, folder, shop, order, arguments, code
):
    came, _ = run(capfd, folder, "billing", "refund", order, *arguments)
    with BillingDatabase(folder, shop) as told:
        assert (came, told.billing.refunds.list_of_purchase(order)) == (code, [])


def test_check_counts_the_orders_that_renew(capfd, folder, shop):
    with BillingDatabase(folder, shop) as told:
        purchase = told.order(BORIS, "voices", STARS)
        payment = told.make_payment(purchase, "stx-1", until=utc_now())
        told.apply_payment(purchase, payment)
    counts = {"active": 1, "canceled": 0, "failed": 0, "allowed": 0}
    assert show_json(capfd, folder, "check")["renewals"] == counts
    _, captured = run(capfd, folder, "billing", "check")
    assert "Auto-renewals in Stars: on 1, off 0" in captured.err


def test_differences_are_reported_and_the_command_fails(capfd, folder, shop):
    with BillingDatabase(folder, shop) as told:
        lost = told.order(BORIS, "algorithms", contact="boris@example.com")
        asked = with_gateway(
            shop, lambda gateway: gateway.create(make_payment_request(lost, BACK, "x"))
        )
        shop.choose(asked.outside_id, "paid")
        unpaid = told.order(ANNA, "voices", contact="a@example.com")
        told.pay(unpaid, "27ce4017-nobody-paid-this")
    document = show_json(capfd, folder, "check", code=1)
    assert {each["payment"]: each for each in document["differences"]} == {
        asked.outside_id: {
            "payment": asked.outside_id,
            "ledger": None,
            "yookassa": {
                "order": lost.purchase_id,
                "paid": "150.00",
                "returned": "0.00",
            },
        },
        "27ce4017-nobody-paid-this": {
            "payment": "27ce4017-nobody-paid-this",
            "ledger": {
                "order": unpaid.purchase_id,
                "paid": "99.00",
                "returned": "0.00",
            },
            "yookassa": None,
        },
    }
    code, captured = run(capfd, folder, "billing", "check")
    assert code == 1
    assert "99.00 − 0.00" in captured.out
    assert "differences: 2" in captured.err


def test_unreachable_gateway_is_reported_as_an_error(capfd, folder):
    config = (folder / "config.yaml").read_text("utf-8")
    free = re.sub(
        r"base_url: http://127\.0\.0\.1:\d+", "base_url: http://127.0.0.1:1", config
    )
    (folder / "config.yaml").write_text(free, encoding="utf-8")
    code, captured = run(capfd, folder, "billing", "check")
    assert (code, "isn't responding" in captured.err) == (1, True)
