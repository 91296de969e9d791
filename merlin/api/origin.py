"""Origin: a page of another site must not act in the name of who is signed in here."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request

from merlin.api.problems import Problem
from merlin.api.services import ApiServices
from merlin.core.web.origin import is_foreign


def refuse_foreign(request: Request) -> None:
    """Raise Problem 403 for a call that changes something and comes from another site's page."""
    services: ApiServices = request.app.state.services
    if is_foreign(request, services.public_url):
        raise Problem(HTTPStatus.FORBIDDEN, "foreign-origin")
