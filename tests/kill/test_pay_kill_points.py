"""The API is killed at each step of a payment: one payment, one grant, one refund."""

from datetime import timedelta
from functools import partial

import httpx
import pytest

from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.billing.ledger import EntryKind
from merlin.core.clock import iso, utc_now
from merlin.wiring.context import open_migrated_database, open_read_only
from tests.billing.ledger_rules import find_inconsistencies
from tests.billing.repositories import open_billing
from tests.kill.killed_api import KilledApi
from tests.support.kill_points import POINTS
from tests.support.opened_databases import open_with_key
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.integration

ANNA = 1001
VERA = 1003
KILL_POINTS = [
    point for point in POINTS if point.startswith(("pay.", "payment.", "refund."))
]
PLANS = {
    "free": {"title": {"ru": "Бесплатный", "en": "Free"}, "text": 20},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "text": 200,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
    },
}


class SellingApi(KilledApi):
    """An API that sells a plan to anna through YooKassa's stand-in."""

    def __init__(self, folder, shop):
        self.shop = shop
        yookassa = {"base_url": shop.base_url, "test": True}
        credentials = {
            "YOOKASSA_SHOP_ID": shop.shop_id,
            "YOOKASSA_SECRET_KEY": shop.key,
        }
        super().__init__(
            folder,
            credentials,
            telegram={"admins": [VERA]},
            plans=PLANS,
            payments={"yookassa": yookassa},
        )
        shop.notify_to(f"{self.address}/hooks/payment")
        with open_with_key(self.config) as database:
            Users(database).record([User(ANNA), User(VERA)])
            sign_ins = SignIns(database)
            self.tokens = {
                user_id: sign_ins.open(user_id, SignInMethod.CODE)[1]
                for user_id in (ANNA, VERA)
            }

    def post(self, user_id, path, form):
        headers = {"Cookie": f"merlin={self.tokens[user_id]}", "Origin": self.address}
        return httpx.post(
            f"{self.address}{path}", headers=headers, timeout=longest(), data=form
        )

    def read_billing(self, read):
        with open_read_only(self.config) as database:
            return read(open_billing(database))

    def age_records(self):
        """Move all claims five minutes back, so that they are due."""
        earlier = iso(utc_now() - timedelta(minutes=5))
        with open_migrated_database(self.config) as database, database.atomic():
            database.sql(
                "UPDATE purchase SET asked_at = ? WHERE asked_at IS NOT NULL", earlier
            )
            set_next = "SET next_poll_at = ? WHERE next_poll_at IS NOT NULL"
            for table in ("purchase", "refund"):
                database.sql(f"UPDATE {table} {set_next}", earlier)


def get_state(api, order_id):
    return api.read_billing(lambda rows: rows.purchases.get(order_id).state.value)


def list_entry_kinds(api, order_id):
    entries = api.read_billing(lambda rows: rows.ledger.entries(order_id))
    assert list(find_inconsistencies(entries)) == []
    return [entry.kind for entry in entries]


def test_order_survives_a_kill_at_every_step(tmp_path):
    assert len(KILL_POINTS) == 8
    with YooKassaStandIn() as shop:
        api = SellingApi(tmp_path, shop)
        order_id = _kill_while_asking(api)
        _kill_while_paying(api, order_id)
        _kill_while_refunding(api, order_id)
        assert (len(shop.payments()), len(shop.refunds())) == (1, 1)
        assert shop.payments()[0]["refunded_amount"]["value"] == "299.00"


def _kill_while_asking(api):
    """Press "pay" on the page of the plan, then on that of the order; return the order's id."""
    path = "/checkout/plus"
    form = {"price": "29900"}
    for point in ("pay.intended", "pay.sent"):
        api.kill_during(point, partial(api.post, ANNA, path, form))
        (order_id,) = api.read_billing(
            lambda rows: [
                each.purchase_id for each in rows.purchases.list_of_user(ANNA)
            ]
        )
        path = f"/orders/{order_id}/pay"
        form = {}
        assert get_state(api, order_id) == "asking"
        api.age_records()
    api.kill_during("pay.recorded", lambda: None)
    assert get_state(api, order_id) == "pending"
    assert len(api.shop.payments()) == 1
    return order_id


def _kill_while_paying(api, order_id):
    api.shop.choose(order_id, "paid")
    api.age_records()
    for point in ("payment.before", "payment.after"):
        api.kill_during(point, lambda: None)
        is_paid = point == "payment.after"
        assert get_state(api, order_id) == ("paid" if is_paid else "pending")
    assert list_entry_kinds(api, order_id) == [EntryKind.PAYMENT, EntryKind.GRANT]
    terms = api.read_billing(lambda rows: rows.terms.list_of_user(ANNA))
    assert len(terms) == 1


def _kill_while_refunding(api, order_id):
    path = f"/admin/billing/{order_id}/refund"
    (grant,) = api.read_billing(
        lambda rows: [
            entry.entry_id
            for entry in rows.ledger.entries(order_id)
            if entry.kind is EntryKind.GRANT
        ]
    )
    form = {"once": "0" * 32, "grant": grant, "reason": "не подошло", "sure": "true"}
    api.kill_during("refund.intended", lambda: api.post(VERA, path, form))
    assert api.shop.refunds() == []
    # A try that ended with its process is none: the next process begins with it.
    for point in ("refund.sent", "refund.recorded"):
        api.kill_during(point, lambda: None)
        assert len(api.shop.refunds()) == 1
    assert get_state(api, order_id) == "refunded"
    with api.run():
        expected = [
            EntryKind.PAYMENT,
            EntryKind.GRANT,
            EntryKind.REFUND,
            EntryKind.REVOCATION,
        ]
        assert list_entry_kinds(api, order_id) == expected
    (refund,) = api.read_billing(lambda rows: rows.refunds.list_of_purchase(order_id))
    assert (refund.state.value, refund.by) == ("done", f"user:{VERA}")
