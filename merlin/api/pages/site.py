"""All pages of one application."""

from __future__ import annotations

from fastapi import FastAPI

from merlin.api.pages import (
    account,
    catalogue,
    chat,
    checkout,
    course,
    orders,
    page,
    plans,
    sign_in,
)
from merlin.api.pages.admin import builds, jobs, models, payments, people, promo_codes
from merlin.api.pages.admin import home as admin_home
from merlin.api.pages.errors import add_lost
from merlin.api.pages.teach import changes, examples
from merlin.api.pages.teach import course as teach_course
from merlin.api.pages.teach import home as teach_home

TOPICS = (catalogue, course, sign_in, account, plans, chat)
SHOP = (checkout, orders)
# `/admin/billing/promos` comes before the payments, whose number could be any word.
STAFF = (
    *(teach_home, teach_course, examples, changes),
    *(admin_home, jobs, models, builds, people, promo_codes, payments),
)


def add_pages(app: FastAPI) -> None:
    """Let the application answer with pages, and read the assets before the first call."""
    page.assets()
    app.include_router(page.asset_router)
    for topic in (*TOPICS, *SHOP, *STAFF):
        app.include_router(topic.router)
    add_lost(app)
