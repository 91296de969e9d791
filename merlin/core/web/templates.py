"""The Jinja environment, icons and badges.

A badge shows a state by an icon, a label and a colour. Templates contain no logic of their own:
they get texts, values and a few functions, and an undefined name is an error. All values are
escaped.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jinja2 import DictLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from merlin.core.i18n import page_text
from merlin.core.web.assets import STATIC, TEMPLATES


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

ICONS = "icons.svg"
_ICON_NAMES = frozenset(
    re.findall('<symbol id="([a-z]+)"', (STATIC / ICONS).read_text("utf-8"))
)


@dataclass(frozen=True)
class Templates:
    """The templates of one process: those of its own folder, then the shared ones.

    `asset` returns the address of a static file. Texts have the key `<prefix>-<key>`, or
    `page-<key>` where all pages share them; `functions` are available to all templates.
    """

    folder: Path
    asset: Callable[[str], str]
    prefix: str
    functions: Mapping[str, Callable[..., object]] = field(default_factory=dict)

    def render(self, template: str, language: str, **values: object) -> str:
        """Return a rendered template; its function `say` returns texts in `language`."""

        def say(key: str, **arguments: object) -> str:
            return page_text(language, self.prefix, key, **arguments)

        def around(key: str, **arguments: object) -> Markup:
            """Return a text whose arguments are trusted markup."""
            placeholders = {name: f"\ue000{name}\ue001" for name in arguments}
            markup = str(escape(say(key, **placeholders)))
            for name, placeholder in placeholders.items():
                markup = markup.replace(placeholder, str(escape(arguments[name])))
            return Markup(markup)  # noqa: S704 - both parts are escaped

        functions = {"say": say, "around": around}
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
        environment.globals |= {"asset": self.asset, "icon": self.icon}
        return environment

    def read_all(self) -> None:
        """Read every template now: an upgrade replaces them under a running process."""
        folders = (TEMPLATES, self.folder)  # the own ones come before the shared ones
        sources = {
            path.relative_to(folder).as_posix(): path.read_text("utf-8")
            for folder in folders
            for path in folder.rglob("*.html")
        }
        self.environment.loader = DictLoader(sources)

    def icon(self, name: str, style: str = "") -> Markup:
        """Return the markup of an icon. Raises KeyError if it does not exist."""
        if name not in _ICON_NAMES:
            raise KeyError(name)
        drawing = f"{self.asset(ICONS)}#{name}"
        markup = Markup('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>')
        return markup.format(f"i {style}".strip(), drawing)
