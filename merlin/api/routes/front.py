"""The front page: what answers at this address, for somebody who opens it in a browser."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from merlin import __version__
from merlin.api.language import headers_of, language_of_request
from merlin.core.text import text

router = APIRouter()

WEB = Path(__file__).parents[2] / "web" / "course"
_templates = Environment(
    loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined
)


@router.get("/", include_in_schema=False)
async def front(request: Request) -> Response:
    """Return the page."""
    language = language_of_request(request)

    def say(key: str, **arguments: object) -> str:
        return text(language, key, **arguments)

    page = _templates.get_template("front.html").render(
        language=language, say=say, version=__version__
    )
    return HTMLResponse(page, headers=headers_of(language))
