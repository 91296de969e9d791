"""All pages, and the API reference page.

Swagger UI normally starts with an inline script, which our Content-Security-Policy forbids, so it
is started by a file (`web/static/reference.js`).
"""

from starlette.responses import Response
from starlette.routing import BaseRoute

from merlin.api.middleware import HEADERS
from merlin.api.openapi import topic_words
from merlin.api.pages import account, board, catalogue, chat, orders, page, plans
from merlin.api.pages.admin import health, jobs, payments, people
from merlin.api.pages.errors import page_router
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import PublicContext, render_page
from merlin.api.pages.teach import changes, examples
from merlin.api.pages.teach import course as teach_course
from merlin.core.i18n import text

TOPICS = (catalogue, account, plans, chat, orders)
STAFF = (board, teach_course, examples, changes, health, jobs, people, payments)


def page_routes() -> list[BaseRoute]:
    """Return the routes of all pages and assets; loads the assets."""
    page.assets()
    routers = (page.asset_router, router, *(module.router for module in (*TOPICS, *STAFF)))
    return [route for page_router in routers for route in page_router.routes]


router = page_router()

# Swagger UI draws its icons from data: addresses.
_POLICY = HEADERS["Content-Security-Policy"] + "; img-src 'self' data:"


@router.get("/api/docs")
async def show_reference(context: PublicContext) -> Response:
    """Return the API reference page in the person's language."""
    about, _ = render_markdown(text(context.language, "api-about"), context.language)
    view = {
        "title": text(context.language, "api-reference"),
        "about": about,
        "calls": text(context.language, "api-calls"),
        "no_script": text(context.language, "api-calls-no-script"),
        "topics": topic_words(context.language),
    }
    response = render_page(context, "reference.html", view)
    response.headers["Content-Security-Policy"] = _POLICY
    return response
