"""Visit: one call for a page: who opens it, in which language, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request

from merlin.account.role import Role
from merlin.api.caller import Anyone, By, Caller
from merlin.api.pages.shelf import Shelf, Shelves
from merlin.api.pages.speech import language_shown
from merlin.api.services import ApiServices
from merlin.core.text import text
from merlin.core.web.speech import theme_shown
from merlin.course.catalogue import Course

# What the address says of how a page is shown; links to the same page leave it out.
_HOW = frozenset({"lang", "theme"})


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page's route starts from; `kept` are the courses of the Sider."""

    request: Request
    caller: Caller
    language: str
    theme: str
    shelf: Shelf
    kept: tuple[Course, ...] = ()

    @property
    def services(self) -> ApiServices:
        """Return the api's services."""
        services: ApiServices = self.request.app.state.services
        return services

    @property
    def here(self) -> str:
        """Return the page's own address, without what says only how it is shown."""
        return here(self.request)

    @property
    def is_personal(self) -> bool:
        """Return whether the page is another one for everybody who is signed in."""
        return self.caller.by is not By.NOTHING or bool(self.request.cookies.get(SAID_COOKIE))

    @property
    def role(self) -> Role:
        """Return what the person is here; somebody unknown is a student."""
        return self.caller.standing.role

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages."""
        return text(self.language, f"page-{key}", **arguments)


# What the last form did, said on the page that comes after it.
SAID_COOKIE = "merlin_said"


def here(request: Request) -> str:
    """Return the address of a call, without what says only how a page is shown."""
    asked = [(name, value) for name, value in request.query_params.multi_items()]
    rest = urlencode([(name, value) for name, value in asked if name not in _HOW])
    return str(request.scope["path"]) + (f"?{rest}" if rest else "")


async def visit(request: Request, caller: Anyone) -> Visit:
    """Return the visit that this call is."""
    services: ApiServices = request.app.state.services
    shelves = _shelves(request)

    def read() -> tuple[Shelf, list[int]]:
        shelf = shelves.read(services.rows)
        return shelf, services.rows.favourites.of(caller.user_id) if caller.user else []

    shelf, ids = await services.store.read(read)
    kept = tuple(shelf.by_id[one] for one in ids if one in shelf.by_id)
    language = language_shown(request, caller.user)
    return Visit(request, caller, language, theme_shown(request), shelf, kept)


def _shelves(request: Request) -> Shelves:
    state = request.app.state
    if not hasattr(state, "shelves"):
        state.shelves = Shelves()
    shelves: Shelves = state.shelves
    return shelves


Visiting = Annotated[Visit, Depends(visit)]
