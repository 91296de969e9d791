"""The page of `merlin diff --html`: two builds beside each other, in one file that needs no other.

The page forbids its browser to run any script and to load anything; the template escapes whatever
the examples say.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import zip_longest

from markupsafe import Markup

from merlin.app.builds import BuildComparison, ExampleChange
from merlin.cli.output import format_cell
from merlin.core.i18n import format_number
from merlin.core.messages import Message
from merlin.core.web.assets import STATIC, WEB, Assets
from merlin.core.web.templates import Templates
from merlin.core.word_difference import compare_words

FOLDER = WEB / "builds"
# A browser still scrolls through so many examples of a kind; the rest is counted.
MAX_EXAMPLES = 500


def comparison_page(build_comparison: BuildComparison, language: str) -> str:
    """Return the whole page, in a language."""
    assets = Assets(STATIC, FOLDER / "static")
    style = assets.text("merlin.css") + assets.text("builds.css")
    functions: dict[str, Callable[..., object]] = {
        "pairs": pairs,
        "parts": compare_words,
        "cell": format_cell,
        "number": partial(format_number, language, digits=0),
    }
    page = Templates(FOLDER / "templates", assets, "page", functions).render(
        "comparison.html",
        language,
        told=build_comparison,
        most=MAX_EXAMPLES,
        style=Markup(style),  # noqa: S704 - files of ours
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
    )
    return page.encode("utf-8", "replace").decode()


def pairs(change: ExampleChange) -> list[tuple[str, str, str, str]]:
    """Return role and words of each message of the older build, then of the newer; "" for none."""
    both = zip_longest(change.old, change.new)
    return [(*_said(mine), *_said(its)) for mine, its in both]


def _said(message: Message | None) -> tuple[str, str]:
    if message is None:
        return "", ""
    called = json.dumps(message.extra, ensure_ascii=False, indent=1) if message.extra else ""
    return message.role, "\n".join(part for part in (message.content, called) if part)
