"""A shop: an api and pages that sell, and a stand-in for YooKassa that takes the money."""

from __future__ import annotations

import itertools
import re
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import timedelta

from merlin.app import shop as acts
from merlin.app.actor import Actor
from merlin.app.texts import Settings
from merlin.billing.ledger import EntryKind, find_inconsistencies
from merlin.billing.quota import Allowance, Format
from merlin.config.shop import Pack, PaymentsConfig, PlanPrice, Receipt, YooKassaConfig
from merlin.core.clock import from_iso, iso
from merlin.core.i18n import LANGUAGES, text
from merlin.core.permissions import Authority, Role
from merlin.db.notices import ADMINS, Notices
from merlin.providers.payments import Gateway
from merlin.providers.yookassa import DEADLINE_S, YooKassaGateway
from merlin.sandbox.yookassa.server import YooKassaStandIn
from merlin.sandbox.yookassa.shop import Behaviour
from tests.api.running_api import NOT_LIMITED, VERA, running
from tests.api.sign_in_data import with_bot
from tests.support.plan_config import make_plan, make_plans
from tests.support.waiting import wait_until

FREE = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, {Format.TEXT: Allowance(day=20)})
PLUS = make_plan(
    "plus",
    {"ru": "Плюс", "en": "Plus"},
    {Format.TEXT: Allowance(day=200)},
    about={"ru": "Больше вопросов", "en": "More questions"},
    price=PlanPrice(rub=299, stars=200),
    days=30,
    renewed=True,
    trial_days=3,
)
PACK = make_plan(
    "pack",
    {"ru": "Голос", "en": "Voice"},
    price=PlanPrice(rub=99, stars=70),
    pack=Pack(voice=10),
)
STARRY = make_plan("starry", {"ru": "Звёздный", "en": "Starry"}, price=PlanPrice(stars=5), days=7)
PLANS = (FREE, PLUS, PACK, STARRY)
PUBLIC_URL = "https://merlin.example"
# How often the worker goes round.
ROUND_S = 0.05


class Market:
    """One api with one shop; everybody who buys there is somebody new."""

    def __init__(self, site, shop) -> None:
        self.site = site
        self.till = shop
        self.db, self.bot_id, self.billing = site.db, site.bot_id, site.billing
        self._ids = itertools.count(5001)
        self._clients = []
        worker = site.app.state.payment_worker
        worker.every_s = worker.after_failure_s = ROUND_S
        site.person(VERA, Role.ADMIN)
        self.admin = self.browser(VERA)

    def browser(self, user_id):
        self._clients.append(self.site.browser(user_id))
        return self._clients[-1]

    def close(self):
        for client in self._clients:
            client.close()

    def buyer(self):
        return Buyer(self, self.site.person(next(self._ids)))

    def sql(self, query, *values):
        with self.site.database.atomic():
            return self.site.database.sql(query, *values)

    def of(self, order_id):
        return self.billing.purchases.get(order_id)

    def state(self, order_id):
        return self.of(order_id).state.value

    def until(self, order_id, state):
        """Wait until an order stands so; return it."""
        wait_until(lambda: self.state(order_id) == state, describe=lambda: str(self.of(order_id)))
        return self.of(order_id)

    def due(self, order_id):
        """Let the worker look at an order now."""
        self.sql(
            "UPDATE purchase SET look_at = ? WHERE id = ?", "2026-01-01T00:00:00.000000Z", order_id
        )

    def looked(self, order_id):
        """Let the worker look at an order, and wait until it has."""
        looks = self.of(order_id).looks
        self.due(order_id)
        wait_until(lambda: self.of(order_id).looks > looks)

    def older(self, order_id, **by):
        """Let an order have been made earlier."""
        row = self.sql(
            "SELECT created_at, expires_at, asked_at FROM purchase WHERE id = ?", order_id
        )[0]
        moved = [None if at is None else iso(from_iso(at) - timedelta(**by)) for at in row]
        self.sql(
            "UPDATE purchase SET created_at = ?, expires_at = ?, asked_at = ? WHERE id = ?",
            *moved,
            order_id,
        )

    def asked(self, order_id):
        """Return the payments that the stand-in made for an order."""
        made = self.till.payments()
        return [payment for payment in made if payment["metadata"].get("purchase") == order_id]

    def order_in_stars(self, buyer):
        who = Actor.person(buyer.user_id, Authority())
        return acts.place_order(self.site.services, who, "plus", Gateway.STARS).purchase_id

    def grants(self, order_id):
        return self.kinds(order_id).count(EntryKind.GRANT)

    def kinds(self, order_id):
        return [entry.kind for entry in self.billing.ledger.entries(order_id)]

    def faults(self):
        """Return what is wrong with the ledger, which never is anything."""
        every = [row[0] for row in self.sql("SELECT id FROM purchase")]
        entries = [entry for each in every for entry in self.billing.ledger.entries(each)]
        return list(find_inconsistencies(entries))

    def told(self, user_id):
        return self._said(Notices(self.site.db).newest(str(user_id), 50))

    def told_admins(self, **arguments):
        found = Notices(self.site.db).newest(ADMINS, 100)
        return self._said(
            notice for notice in found if arguments.items() <= notice.arguments.items()
        )

    def _said(self, notices):
        """Return the keys of notices, each of which has its words in every language."""
        told = list(notices)
        assert all(
            text(language, notice.key, **notice.arguments)
            for notice in told
            for language in LANGUAGES
        )
        return [notice.key for notice in told]


class Buyer:
    """Somebody who is signed in with a browser."""

    def __init__(self, market, user_id) -> None:
        self.market = market
        self.user_id = user_id
        self.http = market.browser(user_id)

    def order(self, plan="plus", **more):
        response = self.http.post("/api/orders", json={"plan": plan, **more})
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def pay(self, order_id):
        return self.http.post(f"/api/orders/{order_id}/pay")

    def ordered(self, plan="plus", **more):
        """Order and ask for the page of payment; return the order's id."""
        order_id = self.order(plan, **more)
        response = self.pay(order_id)
        assert response.status_code == 200, response.text
        return order_id

    def bought(self, plan="plus", **more):
        """Buy; return the order's id once it is paid."""
        order_id = self.ordered(plan, **more)
        self.market.till.choose(order_id, "paid")
        self.market.until(order_id, "paid")
        return order_id

    @property
    def terms(self):
        return self.market.billing.terms.of(self.user_id)

    @property
    def renewals(self):
        return self.market.billing.renewals.of(self.user_id)

    @property
    def told(self):
        return self.market.told(self.user_id)


def selling_at(shop, deadline_s=DEADLINE_S, **config):
    """Return what is sold at a stand-in, and the gateway to it."""
    base = {"base_url": shop.base_url, "test": True, "save_methods": True}
    said = YooKassaConfig(**{**base, "networks": ("127.0.0.0/8",), **config})
    return PaymentsConfig(yookassa=said), YooKassaGateway(said, shop.shop_id, shop.key, deadline_s)


@contextmanager
def market(folder, plans=PLANS, deadline_s=DEADLINE_S, **config):
    """Run an api beside a stand-in."""
    listening = NOT_LIMITED.model_copy(update={"public_url": PUBLIC_URL})
    with YooKassaStandIn() as shop:
        selling, till = selling_at(shop, deadline_s, **config)
        settings = {"plans": plans, "selling": selling, "till": till, "listening": listening}
        with running(folder, **settings) as site:
            shop.notify_to(f"{site.address}/hooks/payment")
            with closing(Market(site, shop)) as made:
                yield made


def as_new(market):
    """Let the stand-in behave as it does at first."""
    market.till.faults.clear()
    market.till.behave(**asdict(Behaviour()))
    return market


# As the pages show it: plans with numbers, a pack, one for Stars alone, one of a course.
PAGE_SAID = {
    "free": {"title": {"ru": "Базовый", "en": "Basic"}, "text": 20, "voice": 0, "photo": 0}
    | {"document": 0, "sessions": 5},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "about": {"ru": "Для тех, кто учится каждый день.", "en": "For who learns every day."},
        "text": 200,
        "voice": {"day": 20, "month": 300},
        "photo": {"month": 31},
        "document": 2,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
        "renewed": True,
        "trial_days": 3,
    },
    "max": {
        "title": {"ru": "Безграничный", "en": "Unlimited"},
        "about": {"ru": "Всё и сразу: на время экзаменов.", "en": "All of it: for the exams."},
        "price": {"rub": 1499.90, "stars": 1100},
        "days": 30,
    },
    "course": {
        "title": {"ru": "Алгоритмы", "en": "Algorithms"},
        "text": 50,
        "price": {"stars": 100},
        "days": 10,
        "courses": ["algorithms"],
    },
    "voices": {
        "title": {"ru": "20 голосовых", "en": "20 by voice"},
        "pack": {"voice": 20, "photo": 1},
        "price": {"rub": 99, "stars": 70},
        "days": 90,
    },
}
PAGE_PLANS = make_plans(PAGE_SAID)
TERMS = "Мы отвечаем за то, что купленное работает.\n\nВозврат: напишите /paysupport."


@contextmanager
def shop_pages(folder, **config):
    """Run a shop that sends receipts and saves methods, with a bot's name."""
    with market(folder, plans=PAGE_PLANS, **{"receipt": Receipt(), **config}) as made:
        with_bot(made.site)
        Settings(made.site.db).put("terms.ru", TERMS, "cli:vera")
        yield made


def words(answer):
    """Return what a page says, without its markup."""
    plain = re.sub(r"<(script|svg|style).*?</\1>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", plain)).replace("\xa0", " ")


def price_in(answer):
    """Return what the button of a checkout page says, in kopecks."""
    return re.search(r'name="price" value="(\d+)"', answer.text)[1]


def bill(buyer, plan="plus", **more):
    """Return what the form of a checkout page would send."""
    query = {"code": more["code"]} if "code" in more else {}
    page = buyer.http.get(f"/checkout/{plan}", params=query)
    return {"price": price_in(page), "contact": "anna@example.com", **more}


def pressed(buyer, plan="plus", **more):
    """Press "pay" and return the order's id."""
    answer = buyer.http.post(f"/checkout/{plan}", data=bill(buyer, plan, **more))
    assert answer.status_code == 303, words(answer)
    return re.search("/orders/([0-9a-f]{32})", answer.headers["location"])[1]
