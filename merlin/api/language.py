"""The language of an answer: what the caller prefers among those we speak."""

from __future__ import annotations

from starlette.requests import Request

from merlin.core.web.language import language_of_header


def language_of_request(request: Request) -> str:
    """Return the language in which this call is answered."""
    default: str = request.app.state.services.language
    return language_of_header(request.headers.get("accept-language", ""), default)


def headers_of(language: str) -> dict[str, str]:
    """Return the headers of an answer in `language`, by which caches keep languages apart."""
    return {"Content-Language": language, "Vary": "Accept-Language"}
