"""All pages."""

from starlette.routing import BaseRoute

from merlin.api.pages import account, board, catalogue, chat, orders, page, plans
from merlin.api.pages.admin import jobs, payments, people
from merlin.api.pages.teach import (
    changes,
    course as teach_course,
    documents,
    examples,
    imports,
    new_datasets,
    proposals,
    unanswered,
)

TOPICS = (catalogue, account, plans, chat, orders)
STAFF = (
    board,
    teach_course,
    documents,
    examples,
    imports,
    new_datasets,
    changes,
    proposals,
    unanswered,
    jobs,
    people,
    payments,
)


def page_routes() -> list[BaseRoute]:
    """Return the routes of all pages and assets; loads the assets."""
    page.assets()
    routers = (page.asset_router, *(module.router for module in (*TOPICS, *STAFF)))
    return [route for page_router in routers for route in page_router.routes]
