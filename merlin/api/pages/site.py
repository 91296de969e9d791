"""All pages of one application."""

from __future__ import annotations

from starlette.routing import BaseRoute

from merlin.api.pages import (
    account,
    catalogue,
    chat,
    checkout,
    course,
    orders,
    page,
    plans,
    reference,
    sign_in,
)
from merlin.api.pages.admin import (
    builds,
    evaluation,
    health,
    jobs,
    models,
    payments,
    people,
    promo_codes,
)
from merlin.api.pages.admin import home as admin_home
from merlin.api.pages.teach import changes, examples, proposals, unanswered
from merlin.api.pages.teach import course as teach_course
from merlin.api.pages.teach import home as teach_home

TOPICS = (catalogue, course, sign_in, account, plans, chat, reference)
SHOP = (checkout, orders)
# `/admin/billing/promos` comes before the payments, whose number could be any word.
STAFF = (
    *(teach_home, teach_course, examples, proposals, unanswered, changes),
    *(admin_home, health, jobs, evaluation, models, builds, people, promo_codes, payments),
)


def page_routes() -> list[BaseRoute]:
    """Return the routes of all pages, and of the assets, which are read before the first call."""
    page.assets()
    routers = (page.asset_router, *(topic.router for topic in (*TOPICS, *SHOP, *STAFF)))
    return [route for router in routers for route in router.routes]
