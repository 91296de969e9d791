"""The language of an answer: what the caller prefers among those we speak."""

from __future__ import annotations

from starlette.requests import Request

from merlin.core.text import language_of

MOST_RANGES = 20


def language_of_header(header: str, default: str) -> str:
    """Return the language of ours that an Accept-Language header likes best, else `default`.

    Source: RFC 9110, 12.5.4: ranges by comma, weights `;q=` from 0 to 1, 0 = not wanted.
    """
    best, best_weight = default, 0.0
    for part in header.split(",")[:MOST_RANGES]:
        name, _, parameter = part.partition(";")
        language = language_of(name.strip(), "")
        weight = _weight(parameter)
        if language and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    key, _, value = parameter.strip().partition("=")
    if key.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def language_of_request(request: Request) -> str:
    """Return the language in which this call is answered."""
    default: str = request.app.state.services.language
    return language_of_header(request.headers.get("accept-language", ""), default)


def headers_of(language: str) -> dict[str, str]:
    """Return the headers of an answer in `language`, by which caches keep languages apart."""
    return {"Content-Language": language, "Vary": "Accept-Language"}
