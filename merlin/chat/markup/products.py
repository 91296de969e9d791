"""Products: a rule for markdown-it by which 2*3*4 and x**2 stay what they are.

CommonMark takes any pair of asterisks within words for emphasis, and a product would lose its
signs: S = a*b*c would be shown as S = abc. Emphasis that begins or ends a word stays emphasis.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

_SIGN = "*"
_LONGEST = 2


def with_products(parser: MarkdownIt) -> MarkdownIt:
    """Teach `parser` to leave signs of multiplication and of powers alone."""
    parser.inline.ruler.before("emphasis", "product", _inline)
    return parser


def _inline(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
    start = state.pos
    if state.src[start] != _SIGN:
        return False
    end = start
    while end < state.posMax and state.src[end] == _SIGN:
        end += 1
    before, after = state.src[start - 1 : start], state.src[end : end + 1]
    if end - start > _LONGEST or not _is_product(before, after, is_power=end - start > 1):
        return False
    if not silent:
        state.pending += state.src[start:end]
    state.pos = end
    return True


def _is_product(before: str, after: str, *, is_power: bool) -> bool:
    """Return whether asterisks between these two characters multiply, or raise to a power."""
    if not (before.isalnum() or before == ")") or not (after.isalnum() or after == "("):
        return False
    if is_power:
        return after.isdigit() or (before.isdigit() and after.isascii())
    has_number = before.isdigit() or after.isdigit()
    return has_number or (before.isascii() and after.isascii())
