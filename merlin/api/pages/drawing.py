"""Drawing: the templates of the course pages, filled in."""

from __future__ import annotations

from functools import cache

from merlin.api.pages.assets import assets
from merlin.api.pages.mark import mark
from merlin.core.web.assets import WEB
from merlin.core.web.drawing import Drawing


@cache
def _drawing() -> Drawing:
    return Drawing(WEB / "course" / "templates", assets(), "page", {"mark": mark})


def edition() -> str:
    """Return what changes whenever templates or assets do."""
    return _drawing().edition


def drawn(template: str, language: str, **values: object) -> str:
    """Return a template filled in; `say` gives texts of `language` to it."""
    return _drawing().drawn(template, language, **values)
