"""The API's page: what it is about in the person's language, and every call to read and try.

Swagger UI draws the calls; its own start is an inline script, which our policy forbids, so the
start is a file of ours (`web/static/reference.js`).
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from merlin.api.middleware import HEADERS
from merlin.api.openapi import topic_words
from merlin.api.pages.errors import PageRoute
from merlin.api.pages.markdown import render_markdown
from merlin.api.pages.page import Visiting, render_page
from merlin.core.i18n import text

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# Swagger UI draws its icons from data: addresses.
_POLICY = HEADERS["Content-Security-Policy"] + "; img-src 'self' data:"


@router.get("/api/docs")
async def show_reference(visit: Visiting) -> Response:
    """Return the page."""
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
