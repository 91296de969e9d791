"""Visit: one call for a page: in which language and light, and how things are told in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request

from merlin.core import moment
from merlin.core.clock import in_zone
from merlin.core.number import number
from merlin.core.text import keys, text
from merlin.core.web.chip import JOB, PLAIN, Chip
from merlin.core.web.language import language_of_header
from merlin.core.web.origin import is_foreign
from merlin.core.web.speech import language_chosen, theme_shown
from merlin.engine.page.entrance import entrance_of
from merlin.engine.page.machine import Machine
from merlin.engine.room import Room
from merlin.engine.services import Engine, engine_of

PREFIX = "engine-page"
# What the address says of how a page is shown; links to the same page leave it out.
_HOW = frozenset({"lang", "theme"})
_NBSP = "\u00a0"
_UNITS = ((10**9, "gb", 1), (10**6, "mb", 0), (10**3, "kb", 0))
_SPANS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


class NotLetIn(Exception):
    """The call brings neither a session nor the engine's key."""


class Foreign(Exception):
    """The call comes from another site's page, or under a name that is not this engine's."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page's route starts from."""

    request: Request
    language: str
    theme: str

    @property
    def engine(self) -> Engine:
        """Return the engine."""
        return engine_of(self.request)

    @property
    def machine(self) -> Machine:
        """Return what looks at the machine; one an engine, for it remembers its last look."""
        return machine_of(self.request)

    @property
    def here(self) -> str:
        """Return the page's own address, without what says only how it is shown."""
        asked = self.request.query_params.multi_items()
        rest = urlencode([(name, value) for name, value in asked if name not in _HOW])
        return str(self.request.scope["path"]) + (f"?{rest}" if rest else "")

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages."""
        return text(self.language, f"{PREFIX}-{key}", **arguments)

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number as the language writes it."""
        return number(self.language, value, digits)

    def size(self, count: float) -> str:
        """Return so many bytes in their unit: "1,2 ГБ"."""
        for unit, name, digits in _UNITS:
            if count >= unit:
                return self.say(f"size-{name}", size=self.number(count / unit, digits))
        return self.say("size-b", size=self.number(count))

    def span(self, seconds: float) -> str:
        """Return how long something lasts, in its largest unit: "4 мин"."""
        for unit, name in _SPANS:
            if seconds >= unit:
                return self.say(f"span-{name}", count=self.number(seconds // unit))
        return self.say("span-seconds", count="0")

    def when(self, at: float) -> str:
        """Return a moment in the machine's own time zone: "20 ноя, 13:12"."""
        here = in_zone(datetime.fromtimestamp(at, UTC))
        return moment.brief(here, here.tzinfo or UTC, self.language)

    def chip(self, state: str) -> Chip:
        """Return a job's state as a chip."""
        style, icon = JOB.get(state, PLAIN)
        key = f"{PREFIX}-state-{state}"
        words = text(self.language, key) if key in keys(self.language) else state
        return Chip(style, icon, words)


def machine_of(request: Request) -> Machine:
    """Return what looks at the machine that a call's engine works on."""
    state = request.app.state
    if not hasattr(state, "machine"):
        shelves = engine_of(request).shelves
        room = Room(shelves, 0)
        state.machine = Machine(shelves.folder, lambda: room.used_bytes)
    machine: Machine = state.machine
    return machine


def language_shown(request: Request) -> str:
    """Return the language of a page: asked for, chosen before, the browser's, the engine's own."""
    default = request.app.state.settings.language
    said = request.headers.get("accept-language", "")
    return language_chosen(request) or language_of_header(said, default)


async def outside(request: Request) -> Visit:
    """Return the visit of anybody. Raises Foreign."""
    if is_foreign(request) or not entrance_of(request).is_ours(request):
        raise Foreign
    return Visit(request, language_shown(request), theme_shown(request))


async def inside(request: Request) -> Visit:
    """Return the visit of who may see the engine's work. Raises NotLetIn, Foreign."""
    visit = await outside(request)
    if not entrance_of(request).lets_in(request):
        raise NotLetIn
    return visit


Anybody = Annotated[Visit, Depends(outside)]
Known = Annotated[Visit, Depends(inside)]
