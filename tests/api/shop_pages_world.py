"""A shop as its pages show it: plans with numbers, a pack, one for Stars alone, one of a course."""

from __future__ import annotations

import re
from contextlib import contextmanager

from config_plans import plans_of
from pay_world import market
from sign_in_world import with_bot

from merlin.app.texts import Settings
from merlin.config.shop import Receipt

SAID = {
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
PLANS = plans_of(SAID)
TERMS = "Мы отвечаем за то, что купленное работает.\n\nВозврат: напишите /paysupport."


@contextmanager
def shop_pages(folder, **config):
    """Run a shop that sends receipts and saves methods, with a bot's name."""
    with market(folder, plans=PLANS, **{"receipt": Receipt(), **config}) as made:
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
