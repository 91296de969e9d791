"""What CommonMark changes in a text that a model or a teacher wrote, and the bot and pages keep.

Products keep their signs: CommonMark takes any pair of asterisks within words for emphasis, and
S = a*b*c would be shown as S = abc. Emphasis that begins or ends a word stays emphasis.

Names of programs keep their underscores: `__name__` would be shown in bold, as name.

Items of a list keep their numbers: CommonMark counts on from the first, so that of answers
2) 5) 7) the wrong ones were named.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

_ASTERISK = "*"
_MAX_ASTERISKS = 2
_NAME = re.compile(
    r"__[A-Za-z0-9]\w{0,60}__(?!\w)", re.ASCII
)  # without a limit quadratic


def add_rules(parser: MarkdownIt) -> None:
    """Let the parser keep products and names as they are written."""
    parser.inline.ruler.before("emphasis", "product", _product)
    parser.inline.ruler.before("emphasis", "name", _name)


def number_items(ordered_list: SyntaxTreeNode) -> Iterator[tuple[SyntaxTreeNode, int]]:
    """Yield the items of an ordered list with their numbers, as written.

    A list of one number counts on: 1. 1. 1. is Markdown's way to leave the counting to others.
    """
    is_counted = len({item.info for item in ordered_list.children}) == 1
    for place, item in enumerate(ordered_list.children):
        yield item, int(item.info) + (place if is_counted else 0)


def _name(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    match = _NAME.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.pending += match.group()
    state.pos = match.end()
    return True


def _product(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    start = state.pos
    if state.src[start] != _ASTERISK:
        return False
    end = start
    while end < state.posMax and state.src[end] == _ASTERISK:
        end += 1
    before = state.src[start - 1 : start]
    after = state.src[end : end + 1]
    if end - start > _MAX_ASTERISKS or not _is_product(
        before, after, is_power=end - start > 1
    ):
        return False
    if not silent:
        state.pending += state.src[start:end]
    state.pos = end
    return True


def _is_product(before: str, after: str, *, is_power: bool) -> bool:
    """Return whether asterisks between these two characters are a product or a power sign."""
    if not (before.isalnum() or before == ")") or not (after.isalnum() or after == "("):
        return False
    if is_power:
        return after.isdigit() or (before.isdigit() and after.isascii())
    has_number = before.isdigit() or after.isdigit()
    return has_number or (before.isascii() and after.isascii())
