"""Markdown: a lecture's text as HTML that can do no harm, with its contents.

Nothing of HTML is let through; links lead to https, to mail, to a place on the page, or to
another material that the text names by its file; pictures become links. Headings begin below
the page's own title and never skip a level.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

_KEPT_TEXTS = 256
# The level of the headings below the page's own.
_SECTION = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """One line of the contents; `anchor` is its id on the page."""

    anchor: str
    words: str


@dataclass(frozen=True, slots=True)
class Words:
    """The few words of ours that stand in a rendered text."""

    code: str
    copy: str
    copied: str
    table: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as it is shown; the contents hold its headings of the second level."""

    html: Markup
    contents: tuple[Heading, ...]


@lru_cache(_KEPT_TEXTS)
def rendered(
    text: str, path: str, materials: tuple[tuple[str, str], ...], words: Words
) -> Rendered:
    """Return the text of the file `path`; `materials` are (file, address on this site)."""
    env: dict[str, Any] = {"path": path, "materials": dict(materials), "words": words}
    tokens = _without_title(_markdown().parse(text, env))
    contents = _with_anchors(tokens)
    for token in tokens:
        for child in token.children or ():
            _judge(child, env)
    html = _markdown().renderer.render(tokens, _markdown().options, env)
    # Everything in it was escaped by markdown-it-py, whose `html` is off, or by the rules below.
    return Rendered(Markup(html), contents)  # noqa: S704


@lru_cache(1)
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # What may be linked is judged once, after parsing, with the page at hand.
    made.validateLink = _any_link  # type: ignore[method-assign]
    for name, rule in _RULES.items():
        made.add_render_rule(name, rule)
    return made


def _any_link(url: str) -> bool:  # noqa: ARG001 - the shape that markdown-it-py wants
    return True


def _without_title(tokens: list[Token]) -> list[Token]:
    """Leave the text's own title out: the page says it already."""
    is_titled = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return tokens[3:] if is_titled else tokens


def _with_anchors(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    contents: list[Heading] = []
    level = 1
    for place, token in enumerate(tokens):
        if token.type not in {"heading_open", "heading_close"}:
            continue
        if token.type == "heading_open":
            level = min(max(int(token.tag[1]), _SECTION), level + 1)
            if level == _SECTION:
                anchor = f"part-{len(contents) + 1}"
                token.attrSet("id", anchor)
                contents.append(Heading(anchor, _words_of(tokens[place + 1])))
        token.tag = f"h{level}"
    return tuple(contents)


def _words_of(inline: Token) -> str:
    said = [child.content for child in inline.children or () if child.type != "image"]
    return "".join(said).strip()


def _judge(token: Token, env: Mapping[str, Any]) -> None:
    """Let a link lead where it may, or nowhere."""
    if token.type not in {"link_open", "image"}:
        return
    name = "href" if token.type == "link_open" else "src"
    address = _address(str(token.attrGet(name) or ""), env)
    token.attrSet(name, address)
    token.attrs.pop("title", None)


def _address(url: str, env: Mapping[str, Any]) -> str:
    """Return the address that a link may lead to, "" for none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_outside = bool(parts.scheme or parts.netloc or "\\" in url)
    if is_outside or not parts.path:
        is_good = _is_good_outside(parts) if is_outside else bool(parts.fragment)
        return url if is_good else ""
    file = posixpath.normpath(posixpath.join(posixpath.dirname(env["path"]), unquote(parts.path)))
    return str(env["materials"].get(file, ""))


def _is_good_outside(parts: SplitResult) -> bool:
    if parts.scheme == "https":
        return bool(parts.netloc) and "\\" not in parts.netloc
    return parts.scheme == "mailto" and "@" in parts.path


def _link_open(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    _options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    address = str(tokens[place].attrGet("href") or "")
    if not address:
        return "<span>"
    return str(Markup('<a href="{}"{}>').format(address, _external_attributes(address)))


def _link_close(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    _options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    depth = 0
    for token in reversed(tokens[:place]):
        depth += {"link_close": 1, "link_open": -1}.get(token.type, 0)
        if depth < 0:
            return "</a>" if token.attrGet("href") else "</span>"
    return ""


def _image(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    _options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    token = tokens[place]
    address, words = str(token.attrGet("src") or ""), token.content.strip()
    if not address:
        return str(escape(words))
    link = Markup('<a href="{}"{}>{}</a>')
    return str(link.format(address, _external_attributes(address), words or address))


def _external_attributes(address: str) -> Markup:
    is_away = address.startswith("https:")
    return Markup(' rel="noopener noreferrer"') if is_away else Markup()


def _code(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    _options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    token, words = tokens[place], env["words"]
    kind = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    name = f"{words.code}: {kind}" if kind else words.code
    block = Markup(
        '<div class="code"><pre tabindex="0" role="group" aria-label="{}"><code>{}</code></pre>'
        '<button class="btn small" type="button" data-copy="{}" hidden>{}</button></div>\n'
    )
    return str(block.format(name, token.content, words.copied, words.copy))


def _table_open(
    _renderer: RendererHTML,
    _tokens: Sequence[Token],
    _place: int,
    _options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    start = Markup('<div class="scroll" tabindex="0" role="group" aria-label="{}"><table>\n')
    return str(start.format(env["words"].table))


def _table_close(
    _renderer: RendererHTML,
    _tokens: Sequence[Token],
    _place: int,
    _options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    return "</table></div>\n"


_RULES = {
    "link_open": _link_open,
    "link_close": _link_close,
    "image": _image,
    "fence": _code,
    "code_block": _code,
    "table_open": _table_open,
    "table_close": _table_close,
}
