"""All pages of one application."""

from __future__ import annotations

from starlette.routing import BaseRoute

from merlin.api.pages import (
    account,
    board,
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
    health,
    jobs,
    models,
    payments,
    people,
)
from merlin.api.pages.teach import changes, examples, proposals, unanswered
from merlin.api.pages.teach import course as teach_course

TOPICS = (catalogue, course, sign_in, account, plans, chat, reference)
SHOP = (checkout, orders)
STAFF = (
    *(board, teach_course, examples, proposals, unanswered, changes),
    *(health, jobs, models, people, payments),
)


def page_routes() -> list[BaseRoute]:
    """Return the routes of all pages, and of the assets, which are read before the first call."""
    page.assets()
    routers = (page.asset_router, *(topic.router for topic in (*TOPICS, *SHOP, *STAFF)))
    return [route for router in routers for route in router.routes]
