"""All pages of one application; and the API's page, every call to read and try.

Swagger UI draws the calls; its own start is an inline script, which our policy forbids, so the
start is a file of ours (`web/static/reference.js`).
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response
from starlette.routing import BaseRoute

from merlin.api.middleware import HEADERS
from merlin.api.openapi import topic_words
from merlin.api.pages import (
    account,
    board,
    catalogue,
    chat,
    orders,
    page,
    plans,
)
from merlin.api.pages.admin import (
    approvals,
    health,
    jobs,
    payments,
    people,
)
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import Visiting, render_page
from merlin.api.pages.teach import changes, examples
from merlin.api.pages.teach import course as teach_course
from merlin.core.i18n import text

TOPICS = (catalogue, account, plans, chat, orders)
STAFF = (
    *(board, teach_course, examples, changes),
    *(health, jobs, people, payments, approvals),
)


def page_routes() -> list[BaseRoute]:
    """Return the routes of all pages, and of the assets, which are read before the first call."""
    page.assets()
    routers = (page.asset_router, *(topic.router for topic in TOPICS), router)
    return [route for one in (*routers, *(each.router for each in STAFF)) for route in one.routes]


router = APIRouter(route_class=PageRoute, include_in_schema=False)

# Swagger UI draws its icons from data: addresses.
_POLICY = HEADERS["Content-Security-Policy"] + "; img-src 'self' data:"


@router.get("/api/docs")
async def show_reference(visit: Visiting) -> Response:
    """Return the API's page in the person's language."""
    about, _ = render_markdown(text(visit.language, "api-about"), visit.language)
    view = {
        "title": text(visit.language, "api-reference"),
        "about": about,
        "calls": text(visit.language, "api-calls"),
        "topics": topic_words(visit.language),
    }
    response = render_page(visit, "reference.html", view)
    response.headers["Content-Security-Policy"] = _POLICY
    return response
