"""Drawing: how a template becomes a page.

Templates are dumb: they get texts, values and a few functions, and whatever is not there is an
error. Every value is escaped. The page's own drawing holds only the icons that were used on it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from merlin.api.pages.assets import WEB, assets
from merlin.api.pages.mark import mark
from merlin.core.text import text

TEMPLATES = WEB / "course" / "templates"
_SYMBOL = re.compile(r'<symbol id="([a-z]+)".*?</symbol>', re.DOTALL)


class Icons:
    """The icons of one page, by name; `icons.svg` has them all."""

    def __init__(self) -> None:
        self._used: dict[str, None] = {}

    def use(self, name: str, style: str = "") -> Markup:
        """Return one icon. Raises KeyError where there is no such one."""
        _symbols()[name]
        self._used[name] = None
        kind = f"i {style}".strip()
        return Markup('<svg class="{}" aria-hidden="true"><use href="#{}"/></svg>').format(
            kind, name
        )

    def also(self, *names: str) -> str:
        """Keep icons at hand for what a script or a fragment brings later."""
        self._used.update(dict.fromkeys(names))
        return ""

    def drawing(self) -> Markup:
        """Return the drawing that holds every icon used so far, or kept at hand."""
        symbols = Markup().join(_symbols()[name] for name in self._used)
        return Markup("<svg hidden>{}</svg>").format(symbols)


@cache
def _symbols() -> Mapping[str, Markup]:
    drawing = assets().text("icons.svg")
    # Our own file, nothing of anybody else's.
    return {found[1]: Markup(found[0]) for found in _SYMBOL.finditer(drawing)}  # noqa: S704


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["mark"] = mark
    made.globals["asset"] = lambda name: assets().address(name)
    return made


@cache
def edition() -> str:
    """Return what changes whenever templates or assets do."""
    digest = hashlib.sha256(assets().version.encode())
    for path in sorted(Path(TEMPLATES).glob("*.html")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def drawn(template: str, language: str, **values: object) -> str:
    """Return a template filled in; `say` gives texts of `language` to it."""
    icons = Icons()

    def say(key: str, **arguments: object) -> str:
        return text(language, f"page-{key}", **arguments)

    def around(key: str, **arguments: object) -> Markup:
        """Return a text with an argument in it that is markup of ours already."""
        marks = {name: f"\ue000{name}\ue001" for name in arguments}
        said = str(escape(say(key, **marks)))
        for name, place in marks.items():
            said = said.replace(place, str(escape(arguments[name])))
        return Markup(said)  # noqa: S704 - both parts are escaped

    functions = {"say": say, "around": around, "icon": icons.use, "icons": icons}
    return _environment().get_template(template).render(language=language, **functions, **values)
