"""The Jinja environment, icons, badges, and routes that render errors as pages.

A badge shows a state by an icon, a label and a colour. Templates contain no logic of their own:
they get texts, values and a few functions, and an undefined name is an error. All values are
escaped. A page's inline SVG contains only the icons it uses. An error in a page route is rendered
as a page, never as a traceback.
"""

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

from merlin.core.i18n import page_text
from merlin.core.log import get_logger
from merlin.core.server import content_length
from merlin.core.web.assets import TEMPLATES, Assets

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Badge:
    """The label of a state; `style` is ok, run, warn, bad or, if neutral, ""."""

    style: str
    icon: str
    text: str


# A badge's style and icon.
Look = tuple[str, str]

OK: Look = ("ok", "check")
RUN: Look = ("run", "run")
WAIT: Look = ("warn", "clock")
BAD: Look = ("bad", "error")
PLAIN: Look = ("", "minus")

# States of fine-tuning jobs, ours and those of the OpenAI protocol.
JOB: Mapping[str, Look] = {
    "launching": RUN,
    "validating_files": RUN,
    "queued": WAIT,
    "running": RUN,
    "succeeded": OK,
    "failed": BAD,
    "cancelled": ("", "stop"),
}

_SYMBOL = re.compile(r'<symbol id="([a-z]+)".*?</symbol>', re.DOTALL)


class Icons:
    """The icons used on one page, out of all `symbols`."""

    def __init__(self, symbols: Mapping[str, Markup]) -> None:
        self._symbols = symbols
        self._used: dict[str, None] = {}

    def use(self, name: str, style: str = "") -> Markup:
        """Return the markup of an icon. Raises KeyError if it does not exist."""
        self._symbols[name]
        self._used[name] = None
        css_class = f"i {style}".strip()
        return Markup('<svg class="{}" aria-hidden="true"><use href="#{}"/></svg>').format(
            css_class, name
        )

    def also(self, *names: str) -> str:
        """Include icons that a script or an HTMX fragment needs later; without names all."""
        self._used.update(dict.fromkeys(names or self._symbols))
        return ""

    def symbols(self) -> Markup:
        """Return the hidden SVG with all icons used or included so far."""
        symbols = Markup().join(self._symbols[name] for name in self._used)
        return Markup("<svg hidden>{}</svg>").format(symbols)


@dataclass(frozen=True)
class Templates:
    """The templates of one process: those of its own folder, then the shared ones.

    Texts have the key `<prefix>-<key>`, or `page-<key>` where all pages share them; `functions` are
    available to all templates.
    """

    folder: Path
    assets: Assets
    prefix: str
    functions: Mapping[str, Callable[..., object]] = field(default_factory=dict)

    def render(self, template: str, language: str, **values: object) -> str:
        """Return a rendered template; its function `say` returns texts in `language`."""
        icons = Icons(self._symbols)

        def say(key: str, **arguments: object) -> str:
            return page_text(language, self.prefix, key, **arguments)

        def around(key: str, **arguments: object) -> Markup:
            """Return a text whose arguments are trusted markup."""
            placeholders = {name: f"\ue000{name}\ue001" for name in arguments}
            markup = str(escape(say(key, **placeholders)))
            for name, placeholder in placeholders.items():
                markup = markup.replace(placeholder, str(escape(arguments[name])))
            return Markup(markup)  # noqa: S704 - both parts are escaped

        functions = {"say": say, "around": around, "icon": icons.use, "icons": icons}
        compiled = self.environment.get_template(template)
        return compiled.render(language=language, **functions, **values)

    @cached_property
    def environment(self) -> Environment:
        """Return the Jinja environment, which compiles a template when it is first used."""
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
        svg = self.assets.text("icons.svg")
        # Markup of our own file only.
        return {match[1]: Markup(match[0]) for match in _SYMBOL.finditer(svg)}  # noqa: S704


def page_route(
    render_status: Callable[[Request, int], Response],
    render_error: Callable[[Request, Exception], Response],
    expected: tuple[type[Exception], ...],
    max_bytes: int,
) -> type[APIRoute]:
    """Return a route class that renders errors as pages.

    `render_status` returns the page of a status code, `render_error` that of an `expected` error.
    Request bodies over `max_bytes` are refused.
    """

    class PageRoute(APIRoute):
        """A route that renders errors as pages."""

        def get_route_handler(self) -> Callable[[Request], Any]:
            """Return the handler that renders errors as pages."""
            default_handler = super().get_route_handler()

            async def handler(request: Request) -> Response:
                headers = request.headers
                # A form has to declare its size.
                if "transfer-encoding" in headers or content_length(headers) > max_bytes:
                    return render_status(request, 413)
                try:
                    response: Response = await default_handler(request)
                except expected as error:
                    return render_error(request, error)
                except Exception:
                    log.exception("a page failed", path=request.scope["path"])
                    return render_status(request, 500)
                return response

            return handler

    return PageRoute
