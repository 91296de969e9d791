"""Markdown: a lecture's text as safe HTML, with its table of contents.

Raw HTML is escaped; links lead to HTTPS, mail addresses, an anchor on the page, or another material
that the text names by its file; images become links. Headings begin below the page's title and
never skip a level.
"""

import posixpath
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from merlin.core.i18n import text
from merlin.core.markdown_rules import add_rules, number_items
from merlin.dataset.passages import PAGE_MARK

_KEPT_TEXTS = 256
# Parsing takes up to 30 µs a bracket; no lecture has as many, and such a text is shown as it is.
MAX_BRACKETS = 10_000
# Heading level below the page's title.
_SECTION = 2


# Second-level headings: anchor and text.
Contents = Sequence[tuple[str, str]]


@lru_cache(_KEPT_TEXTS)
def render_markdown(
    source: str,
    language: str,
    path: str = "",
    materials: tuple[tuple[str, str], ...] = (),
) -> tuple[Markup, Contents]:
    """Return the HTML of the file `path`; `materials` are (file, address here).

    Interface texts in it are in `language`. A long text takes seconds: not on the event loop.
    """
    env: dict[str, Any] = {
        "path": path,
        "materials": dict(materials),
        "language": language,
    }
    if source.count("[") > MAX_BRACKETS:
        tokens = [Token("code_block", "code", 0, content=source)]
    else:
        tokens = _markdown().parse(source, env)
    if path and tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]  # the material's own title: the page says it already
    contents = _with_anchors(tokens)
    _show_page_marks(tokens, language)
    if any(token.type == "ordered_list_open" for token in tokens):
        _keep_numbers(tokens)
    for token in tokens:
        token.children = token.children and list(_with_safe_links(token.children, env))
    tokens = list(_with_scrolled_tables(tokens, text(language, "page-table")))
    html = _markdown().renderer.render(tokens, _markdown().options, env)
    # Escaped by markdown-it-py, whose `html` is off, or by the rules below.
    return Markup(html), contents  # noqa: S704


@lru_cache(1)
def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(
        ["table", "strikethrough"]
    )
    add_rules(parser)
    # Links are checked once, after parsing, when the page is known.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    for name in ("fence", "code_block"):
        parser.add_render_rule(name, _code)
    return parser


def _with_anchors(tokens: Sequence[Token]) -> Contents:
    contents: list[tuple[str, str]] = []
    level = 1
    for place, token in enumerate(tokens):
        if token.type not in {"heading_open", "heading_close"}:
            continue
        if token.type == "heading_open":
            level = min(max(int(token.tag[1]), _SECTION), level + 1)
            if level == _SECTION:
                anchor = f"part-{len(contents) + 1}"
                token.attrSet("id", anchor)
                inline = tokens[place + 1].children or ()
                heading = "".join(
                    child.content for child in inline if child.type != "image"
                )
                contents.append((anchor, heading.strip()))
        token.tag = f"h{level}"
    return contents


def _show_page_marks(tokens: Sequence[Token], language: str) -> None:
    """Show where a page of the document begins that the text was made from, as an anchor."""
    for opening, token in pairwise(tokens):
        if token.type == "inline" and (mark := PAGE_MARK.fullmatch(token.content)):
            opening.attrSet("id", f"page-{mark[1]}")
            opening.attrSet("class", "meta pagemark")
            words = text(language, "page-page-mark", page=mark[1])
            token.children = [Token("text", "", 0, content=words)]


def _keep_numbers(tokens: Sequence[Token]) -> None:
    """Give the items of ordered lists the number and the sign behind it that were written."""
    for node in SyntaxTreeNode(tokens).walk():
        if node.type != "ordered_list":
            continue
        expected = int(node.attrs.get("start", 1))
        for item, number in number_items(node):
            if item.nester_tokens and number != expected:
                item.nester_tokens.opening.attrSet("value", number)
            if item.nester_tokens and item.markup == ")":
                item.nester_tokens.opening.attrSet("class", "paren")
            expected = number + 1


def _with_safe_links(
    tokens: Sequence[Token], env: Mapping[str, Any]
) -> Iterator[Token]:
    """Yield a line with allowed links only; images become links."""
    tags: list[str] = []
    for token in tokens:
        if token.type == "link_close":
            yield Token("link_close", tags.pop(), -1)
        elif token.type == "link_open":
            address = _address(str(token.attrGet("href") or ""), env)
            tags.append("a" if address else "span")
            yield Token("link_open", tags[-1], 1, attrs=_link_attributes(address))
        elif token.type == "image":
            address = _address(str(token.attrGet("src") or ""), env)
            if address:
                yield Token("link_open", "a", 1, attrs=_link_attributes(address))
            yield Token("text", "", 0, content=token.content.strip() or address)
            if address:
                yield Token("link_close", "a", -1)
        else:
            yield token


def _link_attributes(address: str) -> dict[str, str | int | float]:
    """Return a link's attributes; an external one sends no referrer."""
    attributes: dict[str, str | int | float] = {"href": address} if address else {}
    return attributes | (
        {"rel": "noopener noreferrer"} if address.startswith("https:") else {}
    )


def _with_scrolled_tables(tokens: Sequence[Token], label: str) -> Iterator[Token]:
    """Yield the tokens with each table in a container that scrolls horizontally."""
    attributes = {
        "class": "scroll",
        "tabindex": "0",
        "role": "group",
        "aria-label": label,
    }
    for token in tokens:
        if token.type == "table_open":
            yield Token("scroll_open", "div", 1, attrs={**attributes})
        yield token
        if token.type == "table_close":
            yield Token("scroll_close", "div", -1)


def _address(url: str, env: Mapping[str, Any]) -> str:
    """Return the allowed address of a link, "" for none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_outside = bool(parts.scheme or parts.netloc or "\\" in url)
    if is_outside or not parts.path:
        is_good = _is_good_outside(parts) if is_outside else bool(parts.fragment)
        return url if is_good else ""
    file = posixpath.normpath(
        posixpath.join(posixpath.dirname(env["path"]), unquote(parts.path))
    )
    return str(env["materials"].get(file, ""))


def _is_good_outside(parts: SplitResult) -> bool:
    if parts.scheme == "https":
        return bool(parts.netloc) and not {"\\", "@"} & set(parts.netloc)
    return parts.scheme == "mailto" and "@" in parts.path


def _code(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    _options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    token = tokens[place]
    code, copy, copied = (
        text(env["language"], f"page-{key}") for key in ("code", "copy", "copied")
    )
    kind = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    name = f"{code}: {kind}" if kind else code
    block = Markup(
        '<div class="code"><pre tabindex="0" role="group" aria-label="{}"><code>{}</code></pre>'
        '<button class="btn small" type="button" data-copy="{}" hidden>{}</button></div>\n'
    )
    return str(block.format(name, token.content, copied, copy))
