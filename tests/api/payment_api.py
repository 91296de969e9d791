"""An API and pages that sell plans, with a YooKassa stand-in that takes the payments."""

import itertools
import re
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from merlin.app.actor import Actor
from merlin.app.shop import place_order
from merlin.billing.ledger import EntryKind
from merlin.billing.quota import Allowance, Format
from merlin.config.shop import Pack, PaymentsConfig, PlanPrice, Receipt, YooKassaConfig
from merlin.core.clock import from_iso, iso
from merlin.core.i18n import LANGUAGES, text
from merlin.core.permissions import Authority, Role
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import Gateway
from merlin.providers.yookassa import DEADLINE_S, YooKassaGateway
from tests.api.running_api import NOT_LIMITED, VERA, run_api
from tests.api.sign_in_data import set_bot_name
from tests.billing.ledger_rules import find_inconsistencies
from tests.support.plan_config import make_plan, make_plans
from tests.support.stand_ins import YooKassaStandIn
from tests.support.waiting import wait_until
from tests.support.yookassa_shop import Behaviour

FREE = make_plan(
    "free", {"ru": "Бесплатный", "en": "Free"}, {Format.TEXT: Allowance(day=20)}
)
PLUS = make_plan(
    "plus",
    {"ru": "Плюс", "en": "Plus"},
    {Format.TEXT: Allowance(day=200)},
    about={"ru": "Больше вопросов", "en": "More questions"},
    price=PlanPrice(rub=299, stars=200),
    days=30,
)
PACK = make_plan(
    "pack",
    {"ru": "Голос", "en": "Voice"},
    price=PlanPrice(rub=99, stars=70),
    pack=Pack(voice=10),
)
STARRY = make_plan(
    "starry", {"ru": "Звёздный", "en": "Starry"}, price=PlanPrice(stars=5), days=7
)
PLANS = (FREE, PLUS, PACK, STARRY)
PUBLIC_URL = "https://merlin.example"
# Interval of the payment worker.
ROUND_S = 0.05
# Where "pay" leads: to the payment page, or to the order, which says why there is none.
TO_GATEWAY = "/pay"
SILENT = "?said=silent"
NOT_OPEN = ""


class PaymentSite:
    """One API with one YooKassa stand-in; every buyer is a new user."""

    def __init__(self, site, shop) -> None:
        self.site = site
        self.yookassa = shop
        self.db = site.db
        self.bot_id = site.bot_id
        self.billing = site.billing
        self._ids = itertools.count(5001)
        self._clients = []
        worker = site.app.state.payment_worker
        worker.every_s = worker.after_failure_s = ROUND_S
        site.add_user(VERA, Role.ADMIN)
        self.admin = self.browser_client(VERA)

    def browser_client(self, user_id):
        self._clients.append(self.site.browser_client(user_id))
        return self._clients[-1]

    def close(self):
        for client in self._clients:
            client.close()

    def buyer(self):
        return Buyer(self, self.site.add_user(next(self._ids)))

    def sql(self, query, *values):
        with self.site.database.atomic():
            return self.site.database.sql(query, *values)

    def purchase(self, order_id):
        return self.billing.purchases.get(order_id)

    def state(self, order_id):
        return self.purchase(order_id).state.value

    def wait_for_state(self, order_id, state):
        """Wait until an order is in this state; return it."""
        wait_until(
            lambda: self.state(order_id) == state,
            describe=lambda: str(self.purchase(order_id)),
        )
        return self.purchase(order_id)

    def make_due(self, order_id):
        """Make an order due for the payment worker."""
        self.sql(
            "UPDATE purchase SET next_poll_at = ? WHERE id = ?",
            "2026-01-01T00:00:00.000000Z",
            order_id,
        )

    def sync_order(self, order_id):
        """Wait until the payment worker has polled an order once more."""
        polls = self.purchase(order_id).polls
        self.make_due(order_id)
        wait_until(lambda: self.purchase(order_id).polls > polls)

    def backdate(self, order_id, **by):
        """Move the timestamps of an order back by a timedelta."""
        row = self.sql(
            "SELECT created_at, expires_at, asked_at FROM purchase WHERE id = ?",
            order_id,
        )[0]
        moved = [
            None if at is None else iso(from_iso(at) - timedelta(**by)) for at in row
        ]
        self.sql(
            "UPDATE purchase SET created_at = ?, expires_at = ?, asked_at = ? WHERE id = ?",
            *moved,
            order_id,
        )

    def payments_of(self, order_id):
        """Return the stand-in's payments of an order."""
        payments = self.yookassa.payments()
        return [
            payment
            for payment in payments
            if payment["metadata"].get("purchase") == order_id
        ]

    def count_grants(self, order_id):
        return self.entry_kinds(order_id).count(EntryKind.GRANT)

    def entry_kinds(self, order_id):
        return [entry.kind for entry in self.billing.ledger.entries(order_id)]

    def ledger_faults(self):
        """Return the inconsistencies of the ledger; there must be none."""
        order_ids = [row[0] for row in self.sql("SELECT id FROM purchase")]
        entries = [
            entry
            for order_id in order_ids
            for entry in self.billing.ledger.entries(order_id)
        ]
        return list(find_inconsistencies(entries))

    def notice_keys(self, user_id):
        return self._translated_keys(
            Notices(self.site.db).list_newest(str(user_id), 50)
        )

    def admin_notice_keys(self, **arguments):
        notices = Notices(self.site.db).list_newest(ADMINS, 100)
        return self._translated_keys(
            notice
            for notice in notices
            if arguments.items() <= notice.arguments.items()
        )

    def _translated_keys(self, notices):
        """Return the keys of notices; check that each has a text in every language."""

        notices = list(notices)
        assert all(
            text(language, notice.key, **notice.arguments)
            for notice in notices
            for language in LANGUAGES
        )
        return [notice.key for notice in notices]


class Buyer:
    """A user who is signed in with a browser."""

    def __init__(self, site, user_id) -> None:
        self.site = site
        self.user_id = user_id
        self.http = site.browser_client(user_id)

    def order(self, plan="plus", contact=""):
        """Place an order whose payment nobody has asked for yet; return its id."""
        actor = Actor.person(self.user_id, Authority())
        place = partial(
            place_order, self.site.site.services, actor, plan, Gateway.YOOKASSA, contact
        )
        return self.site.db.transact(place).purchase_id

    def pay(self, order_id):
        """Press "pay" on the page of an order; return TO_GATEWAY, SILENT or NOT_OPEN."""
        response = self.http.post(f"/orders/{order_id}/pay")
        assert response.status_code == 303, response.text
        return response.headers["location"].removeprefix(f"/orders/{order_id}")

    def cancel(self, order_id):
        """Press "cancel" on the page of an order."""
        assert self.http.post(f"/orders/{order_id}/cancel").status_code == 303

    def start_payment(self, plan="plus", **fields):
        """Place an order and create its payment; return the order's id."""
        order_id = self.order(plan, **fields)
        assert self.pay(order_id) == TO_GATEWAY
        return order_id

    def buy(self, plan="plus", **fields):
        """Buy a plan; return the order's id once it is paid."""
        order_id = self.start_payment(plan, **fields)
        self.site.yookassa.choose(order_id, "paid")
        self.site.wait_for_state(order_id, "paid")
        return order_id

    @property
    def terms(self):
        return self.site.billing.terms.list_of_user(self.user_id)

    @property
    def notice_keys(self):
        return self.site.notice_keys(self.user_id)


def payment_settings(shop, deadline_s=DEADLINE_S, **config):
    """Return the payment settings for a stand-in, and the gateway to it."""
    base = {"base_url": shop.base_url, "test": True}
    yookassa = YooKassaConfig(**{**base, **config})
    return PaymentsConfig(yookassa=yookassa), YooKassaGateway(
        yookassa, shop.shop_id, shop.key, deadline_s
    )


@contextmanager
def run_payment_api(folder, plans=PLANS, deadline_s=DEADLINE_S, texts=None, **config):
    """Run an API beside a YooKassa stand-in."""
    listening = NOT_LIMITED.model_copy(update={"public_url": PUBLIC_URL})
    with YooKassaStandIn() as shop:
        payments, gateway = payment_settings(shop, deadline_s, **config)
        settings = {
            "plans": plans,
            "selling": payments,
            "gateway": gateway,
            "listening": listening,
        }
        settings["texts"] = texts or {}
        with run_api(folder, **settings) as site:
            shop.notify_to(f"{site.address}/hooks/payment")
            with closing(PaymentSite(site, shop)) as payment_site:
                yield payment_site


def reset(site):
    """Restore the stand-in's default behaviour; return the site."""
    site.yookassa.faults.clear()
    site.yookassa.behave(**asdict(Behaviour()))
    return site


# For the pages: plans with limits, a pack, a plan for Stars only, a plan for one course.
PAGE_PLANS_CONFIG = {
    "free": {
        "title": {"ru": "Базовый", "en": "Basic"},
        "text": 20,
        "voice": 0,
        "photo": 0,
    }
    | {"document": 0},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "about": {
            "ru": "Для тех, кто учится каждый день.",
            "en": "For who learns every day.",
        },
        "text": 200,
        "voice": {"day": 20, "month": 300},
        "photo": {"month": 31},
        "document": 2,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
    },
    "max": {
        "title": {"ru": "Безграничный", "en": "Unlimited"},
        "about": {
            "ru": "Всё и сразу: на время экзаменов.",
            "en": "All of it: for the exams.",
        },
        "models": ["big-*"],
        "price": {"rub": 1499.90, "stars": 1100},
        "days": 30,
    },
    "course": {
        "title": {"ru": "Алгоритмы", "en": "Algorithms"},
        "text": 50,
        "price": {"stars": 100},
        "days": 10,
    },
    "monthly": {
        "title": {"ru": "Месячный", "en": "Monthly"},
        "text": 40,
        "price": {"rub": 199, "stars": 150},
        "days": 30,
        "renews": "monthly",
    },
    "voices": {
        "title": {"ru": "20 голосовых", "en": "20 by voice"},
        "pack": {"voice": 20, "photo": 1},
        "price": {"rub": 99, "stars": 70},
        "days": 90,
    },
}
PAGE_PLANS = make_plans(PAGE_PLANS_CONFIG)
TERMS = {
    "terms": {
        "ru": "Мы отвечаем за то, что купленное работает.\n\nВозврат: напишите /paysupport.",
        "en": "What you buy works.\n\nRefunds: write to /paysupport.",
    }
}


@contextmanager
def run_shop_pages(folder, **config):
    """Run an API that sends receipts, with a bot name."""
    with run_payment_api(
        folder, plans=PAGE_PLANS, texts=TERMS, **{"receipt": Receipt(), **config}
    ) as site:
        set_bot_name(site.site)
        yield site


def page_text(response):
    """Return the text of a page without its markup."""
    without_code = re.sub(
        r"<(script|svg|style).*?</\1>", " ", response.text, flags=re.DOTALL
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without_code)).replace(
        "\xa0", " "
    )


def check_text(response, *shown, status=200):
    """Check the status of a page, and that its text has all these words."""
    assert response.status_code == status, response.text
    for words in shown:
        assert words in page_text(response), words


def checkout_form(buyer, plan="plus", **fields):
    """Return the form data that a checkout page would send."""
    query = {"code": fields["code"]} if "code" in fields else {}
    page = buyer.http.get(f"/checkout/{plan}", params=query)
    price = re.search(r'name="price" value="(\d+)"', page.text)[1]
    ends = re.search('name="ends" value="([^"]*)"', page.text)[1]
    return {
        "price": price,
        "ends": ends,
        "contact": "anna@example.com",
        **fields,
    }


def press_pay(buyer, plan="plus", **fields):
    """Press "pay" and return the order's id."""
    response = buyer.http.post(
        f"/checkout/{plan}", data=checkout_form(buyer, plan, **fields)
    )
    assert response.status_code == 303, page_text(response)
    return re.search("/orders/([0-9a-f]{32})", response.headers["location"])[1]
