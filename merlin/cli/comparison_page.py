"""The page of `merlin diff --html`: two builds side by side, in one self-contained HTML file.

Its Content-Security-Policy forbids scripts and any loading; the template escapes the examples.
"""

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
# The most examples of a kind that browsers still scroll through; the page counts the rest.
MAX_EXAMPLES = 500


def comparison_page(build_comparison: BuildComparison, language: str) -> str:
    """Return the HTML page in the given language."""
    assets = Assets(STATIC, FOLDER / "static")
    style = assets.text("merlin.css") + assets.text("builds.css")
    functions: dict[str, Callable[..., object]] = {
        "pairs": message_pairs,
        "parts": compare_words,
        "cell": format_cell,
        "number": partial(format_number, language, digits=0),
    }
    page = Templates(FOLDER / "templates", assets, "page", functions).render(
        "comparison.html",
        language,
        comparison=build_comparison,
        most=MAX_EXAMPLES,
        style=Markup(style),  # noqa: S704 - files of ours
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
    )
    return page.encode("utf-8", "replace").decode()


def message_pairs(change: ExampleChange) -> list[tuple[str, str, str, str]]:
    """Return (old role, old text, new role, new text) of each message pair; "" if missing."""
    messages = zip_longest(change.old, change.new)
    return [(*_role_and_text(old), *_role_and_text(new)) for old, new in messages]


def _role_and_text(message: Message | None) -> tuple[str, str]:
    if message is None:
        return "", ""
    calls = json.dumps(message.extra, ensure_ascii=False, indent=1) if message.extra else ""
    return message.role, "\n".join(part for part in (message.content, calls) if part)
