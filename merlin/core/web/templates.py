"""The Jinja environment: icons, badges, error pages.

A badge shows a state by an icon, a word and a colour. Templates have no logic of their own: they
get texts, values and a few functions, and whatever is not there is an error. Every value is
escaped. A page's own SVG holds only the icons that it uses. Whatever goes wrong in a route of pages
is said on a page, never in a stack trace.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.core.web.assets import TEMPLATES, Assets
from merlin.core.web.browser import is_too_large


@dataclass(frozen=True, slots=True)
class Badge:
    """One state; `style` is ok, run, warn, bad or "" for one that asks for nothing."""

    style: str
    icon: str
    words: str


# Style and icon.
Look = tuple[str, str]

OK: Look = ("ok", "check")
RUN: Look = ("run", "run")
WAIT: Look = ("warn", "clock")
BAD: Look = ("bad", "error")
PLAIN: Look = ("", "minus")

# A fine-tune job's states, ours and the protocol's.
JOB: Mapping[str, Look] = {
    "launching": RUN,
    "validating_files": RUN,
    "queued": WAIT,
    "running": RUN,
    "paused": WAIT,
    "succeeded": OK,
    "failed": BAD,
    "cancelled": ("", "stop"),
}


_SYMBOL = re.compile(r'<symbol id="([a-z]+)".*?</symbol>', re.DOTALL)


class Icons:
    """The icons of one page, by name, of all `symbols` that there are."""

    def __init__(self, symbols: Mapping[str, Markup]) -> None:
        self._symbols = symbols
        self._used: dict[str, None] = {}

    def use(self, name: str, style: str = "") -> Markup:
        """Return one icon. Raises KeyError where there is no such one."""
        self._symbols[name]
        self._used[name] = None
        kind = f"i {style}".strip()
        return Markup('<svg class="{}" aria-hidden="true"><use href="#{}"/></svg>').format(
            kind, name
        )

    def also(self, *names: str) -> str:
        """Keep icons at hand for what a script or a fragment brings later."""
        self._used.update(dict.fromkeys(names))
        return ""

    def symbols(self) -> Markup:
        """Return the SVG that holds every icon used so far, or kept at hand."""
        symbols = Markup().join(self._symbols[name] for name in self._used)
        return Markup("<svg hidden>{}</svg>").format(symbols)


@dataclass(frozen=True)
class Templates:
    """The templates of one process: its own folder's, then those that all share.

    Texts are found under `<prefix>-<key>`; `functions` are what its templates call besides.
    """

    folder: Path
    assets: Assets
    prefix: str
    functions: Mapping[str, Callable[..., object]] = field(default_factory=dict)

    @cached_property
    def edition(self) -> str:
        """Return what changes whenever templates or assets do."""
        digest = hashlib.sha256(self.assets.version.encode())
        for folder in (self.folder, TEMPLATES):
            for path in sorted(folder.glob("*.html")):
                digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    def render(self, template: str, language: str, **values: object) -> str:
        """Return a template filled in; `say` gives texts of `language` to it."""
        icons = Icons(self._symbols)

        def say(key: str, **arguments: object) -> str:
            return text(language, f"{self.prefix}-{key}", **arguments)

        def around(key: str, **arguments: object) -> Markup:
            """Return a text with an argument in it that is markup of ours already."""
            marks = {name: f"\ue000{name}\ue001" for name in arguments}
            markup = str(escape(say(key, **marks)))
            for name, place in marks.items():
                markup = markup.replace(place, str(escape(arguments[name])))
            return Markup(markup)  # noqa: S704 - both parts are escaped

        functions = {"say": say, "around": around, "icon": icons.use, "icons": icons}
        made = self._environment.get_template(template)
        return made.render(language=language, **functions, **values)

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader([self.folder, TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(self.functions)
        environment.globals["asset"] = self.assets.address
        return environment

    @cached_property
    def _symbols(self) -> Mapping[str, Markup]:
        drawing = self.assets.text("icons.svg")
        # Our own file, nothing of anybody else's.
        return {found[1]: Markup(found[0]) for found in _SYMBOL.finditer(drawing)}  # noqa: S704


log = get_logger(__name__)


def page_route(
    page: Callable[[Request, int], Response],
    page_of: Callable[[Request, Exception], Response],
    expected: tuple[type[Exception], ...],
    most_bytes: int,
) -> type[APIRoute]:
    """Return the class of routes whose errors are pages.

    `page` makes the page of a status; `page_of` that of an error among `expected`. A body of more
    than `most_bytes` is refused.
    """

    class PageRoute(APIRoute):
        """A route whose errors are pages."""

        def get_route_handler(self) -> Callable[[Request], Any]:
            """Return the handler that shows errors as pages."""
            usual = super().get_route_handler()

            async def handler(request: Request) -> Response:
                if is_too_large(request, most_bytes):
                    return page(request, 413)
                try:
                    response: Response = await usual(request)
                except expected as error:
                    return page_of(request, error)
                except Exception:
                    log.exception("a page failed", path=request.scope["path"])
                    return page(request, 500)
                return response

            return handler

    return PageRoute
