"""A route of pages: whatever goes wrong is said on a page, never in a stack trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from merlin.core.log import get_logger
from merlin.core.web.bounds import is_too_large

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Troubles:
    """How one process says troubles on a page.

    `page` makes the page of a status; `page_of` that of an error among `expected`. A body of more
    than `most_bytes` is refused.
    """

    page: Callable[[Request, int], Response]
    page_of: Callable[[Request, Exception], Response]
    expected: tuple[type[Exception], ...]
    most_bytes: int


def page_route(troubles: Troubles) -> type[APIRoute]:
    """Return the class of routes whose errors are pages."""

    class PageRoute(APIRoute):
        """A route whose errors are pages."""

        def get_route_handler(self) -> Callable[[Request], Any]:
            """Return the handler that says troubles in words."""
            usual = super().get_route_handler()

            async def handler(request: Request) -> Response:
                if is_too_large(request, troubles.most_bytes):
                    return troubles.page(request, 413)
                try:
                    response: Response = await usual(request)
                except troubles.expected as error:
                    return troubles.page_of(request, error)
                except Exception:
                    log.exception("a page failed", path=request.scope["path"])
                    return troubles.page(request, 500)
                return response

            return handler

    return PageRoute
