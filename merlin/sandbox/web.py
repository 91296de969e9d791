"""HTTP that the stand-ins share: named and recorded calls of an API, control routes, pages."""

from __future__ import annotations

import inspect
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles

from merlin.core.clock import iso, utc_now
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import LANGUAGES, text
from merlin.core.web.browser import (
    LANGUAGE_COOKIE,
    chosen_language,
    chosen_theme,
    is_foreign,
    requested_language,
    set_preference,
)

MOST_CALLS = 50_000
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call of an API: when, its name, Idempotence-Key and JSON body, and its status."""

    at: str
    name: str
    key: str
    body: Mapping[str, Any]
    status: int


class ApiRoutes:
    """Routes with names, by which faults hit calls and tests count them; calls are recorded."""

    def __init__(
        self,
        table: Iterable[tuple[str, str, str, Handler]],
        serve: Callable[[Handler, Request], Awaitable[Response]],
        calls: deque[ApiCall],
    ) -> None:
        """Take (name, method, path, handler) of every address; `serve` runs a handler."""
        self._serve = serve
        self._calls = calls
        self.routes: list[BaseRoute] = [self._route(*row) for row in table]

    def _route(self, name: str, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            response = await self._serve(handler, request)
            is_json = request.headers.get("content-type", "").startswith("application/json")
            body = _json_object(await request.body()) if is_json else {}
            key = request.headers.get("idempotence-key", "")
            self._calls.append(ApiCall(iso(utc_now()), name, key, body, response.status_code))
            return response

        return Route(path, answer, methods=[method], name=name)

    async def name_call(self, request: Request) -> tuple[str, Mapping[str, str]] | None:
        """Return a call's name and arguments for faults: of its path, and its metadata."""
        for route in self.routes:
            matched, found = route.matches(request.scope)
            if matched is Match.FULL and isinstance(route, Route):
                metadata = _json_object(await request.body()).get("metadata")
                told = {**found["path_params"], **(metadata if isinstance(metadata, dict) else {})}
                return route.name, {name: str(value) for name, value in told.items()}
        return None


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def control_route(path: str, act: Callable[[Any], object]) -> Route:
    """Return the route that gives a JSON body to `act` and answers what it returns."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(act(await request.json()))
        except KeyError as error:
            return JSONResponse({"error": f"{error} is missing"}, 400)
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return Route(path, control_handler(answer), methods=["POST"])


def control_handler(handler: Handler) -> Handler:
    """Return a handler of the control side: other sites may not write, errors are JSON."""

    async def answer(request: Request) -> Response:
        if is_foreign(request):
            return JSONResponse({"error": "another site may not write here"}, 403)
        try:
            return await handler(request)
        except MerlinError as error:
            return JSONResponse({"error": str(error)}, 404 if isinstance(error, NotFound) else 400)

    return answer


def view_route(path: str, view: Callable[..., object]) -> Route:
    """Return the route that answers what `view` returns; its arguments come from the query."""
    names = list(inspect.signature(view).parameters)

    async def answer(request: Request) -> Response:
        return JSONResponse(view(*(request.query_params.get(name, "") for name in names)))

    return Route(path, control_handler(answer))


_WEB = Path(__file__).parents[1] / "web"


def static_routes() -> list[BaseRoute]:
    """Return the routes of styles, scripts and pictures."""
    return [
        Mount("/static/sandbox", StaticFiles(directory=_WEB / "sandbox" / "static")),
        Mount("/static", StaticFiles(directory=_WEB / "static")),
    ]


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one stand-in: its texts' prefix, and its language where nobody chose."""

    prefix: str
    language: str

    def language_of(self, request: Request) -> str:
        """Return the language that the address or the cookie names, else the stand-in's."""
        return chosen_language(request) or self.language

    def render(
        self, request: Request, template: str, status: int = 200, **values: object
    ) -> Response:
        """Return a page in the person's language and theme; `?lang=` is remembered."""
        language = self.language_of(request)
        content = (
            _environment()
            .get_template(template)
            .render(
                language=language,
                other_language=next(one for one in LANGUAGES if one != language),
                theme=chosen_theme(request),
                t=lambda key, **arguments: text(language, self.prefix + key, **arguments),
                **values,
            )
        )
        response = HTMLResponse(content, status)
        if requested := requested_language(request):
            set_preference(response, request, LANGUAGE_COOKIE, requested)
        return response


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_WEB / "sandbox" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    icons = (_WEB / "static" / "icons.svg").read_text(encoding="utf-8")
    # One hidden drawing a page; its symbols are used by name.
    drawing = icons.replace("<svg ", "<svg hidden ", 1)
    environment.globals["icons"] = Markup(drawing)  # noqa: S704 - our own file
    return environment
