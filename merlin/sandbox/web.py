"""HTTP helpers shared by the stand-ins: control routes and pages."""

import inspect
from collections.abc import Awaitable, Callable
from functools import cache

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import LANGUAGES
from merlin.core.web.assets import STATIC, WEB
from merlin.core.web.browser import get_chosen_theme, is_foreign, note_preferences
from merlin.core.web.templates import Templates

Handler = Callable[[Request], Awaitable[Response]]


def control_handler(handler: Handler) -> Handler:
    """Wrap a control handler: reject cross-site writes, return errors as JSON."""

    async def answer(request: Request) -> Response:
        if is_foreign(request):
            return JSONResponse({"error": "another site may not write here"}, 403)
        try:
            return await handler(request)
        except MerlinError as error:
            return JSONResponse(
                {"error": str(error)}, 404 if isinstance(error, NotFound) else 400
            )

    return answer


def view_route(path: str, view: Callable[..., object]) -> Route:
    """Return a GET route that responds with `view`'s result.

    The query parameters are passed as the arguments of the same names.
    """
    names = list(inspect.signature(view).parameters)

    async def answer(request: Request) -> Response:
        return JSONResponse(
            view(*(request.query_params.get(name, "") for name in names))
        )

    return Route(path, control_handler(answer))


SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def restrict_pages(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that responses carry restrictive security headers."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_restricted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_restricted)

    return serve


_FOLDER = WEB / "sandbox"


def static_routes() -> list[BaseRoute]:
    """Return the routes of styles, scripts and images."""
    return [
        Mount("/static/sandbox", StaticFiles(directory=_FOLDER / "static")),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def page_response(
    request: Request,
    prefix: str,
    language: str,
    template: str,
    status: int = 200,
    **values: object,
) -> Response:
    """Render a page whose text keys begin with `prefix`; remember the language of `?lang=`."""
    values["other_language"] = next(code for code in LANGUAGES if code != language)
    values["theme"] = get_chosen_theme(request)
    content = _templates(prefix).render(template, language, **values)
    response = HTMLResponse(content, status)
    note_preferences(response, request, language)
    return response


@cache
def _templates(prefix: str) -> Templates:
    return Templates(_FOLDER / "templates", "/static/{}".format, prefix)
