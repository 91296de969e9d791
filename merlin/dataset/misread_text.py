"""Text that YAML takes otherwise than its author meant.

After a space, "#" begins a comment, also on a later line of a text without quotes. Line breaks of a
text in several lines become spaces unless it is written with "|": code and lists in it are then one
line. A no-break space is a letter of the word beside it.
"""

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from merlin.core.example_keys import KEYS
from merlin.dataset.finding import Finding, Mark, Severity
from merlin.dataset.yaml_io import Node, split_lines

# The keys of texts in examples, dataset.yaml and course.yaml.
_TEXTS = {
    *("system", "user", "assistant", "content"),
    *(key.name for key in KEYS if key.kind in ("answer", "words", "text")),
    *("title", "description", "name", "ru", "en"),
}
_QUOTES = ("'", '"')
# The errors that a space of another kind leads to.
_OF_SPACES = ("yaml-syntax", "wrong-type", "unknown-key", "misspelt-key")
_SPACES = "[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff]"
_SPACE = re.compile(
    rf"[ \t]*(?:-[ \t]*)*(?:[^\s:#]+(?:(?={_SPACES}+:)|:[ \t]*(?:[|>][-+\d]*)?[ \t]*))?({_SPACES})"
)
_DASH = re.compile(
    r"[ \t]*([\u2010-\u2015\u2212])\s"
)  # written for the hyphen of a list
# Lines of a list, a table or code, which do not continue a sentence.
_OWN_LINE = re.compile(
    r"(?:\(?\d{1,3}[.)]|\(?[a-zа-я]\)|[*+•☐☑✓✔✅-])\s|\||```|~~~|#+\s|//|return\b|.*[;{}]$"
    r"|(?:def|class|for|while|if|elif|else|try|except|finally|with)\b.*:$"
    r"|(?:import|from) [\w.]+(?: import .+| as \w+)?$|(?:\$|>>>) ?\S|SELECT\b|\d\ufe0f?\u20e3"
    r"|[\w.]+\(.*\)$|[\w.\[\]]+ ?[-+*/:]?= ?\S"
)


def find_lost_text(content: bytes, root: Node) -> Iterator[Finding]:
    """Yield where a comment cuts a text, and where line breaks that mean something are lost."""
    texts = [*_list_texts(root)]
    lines = split_lines(content.decode()) if texts else []
    for node, key, end in texts:
        if mark := _find_comment(lines, node, key, end):
            yield Finding("", *mark, "comment-in-text", Severity.WARNING)
        if mark := _find_folded_line(lines, node, end):
            yield Finding("", *mark, "folded-lines", Severity.WARNING)


def find_wrong_space(content: bytes, error: Finding) -> Finding | None:
    """Return the finding that explains an error by a space or dash that YAML takes for a letter.

    A space stands in the indentation, after a hyphen, beside a key or after "|". libyaml reports an
    error of syntax one line later.
    """
    if error.rule not in _OF_SPACES:
        return None
    lines = split_lines(content.decode())
    first = error.line - (error.rule == "yaml-syntax")
    for number in range(max(first, 1), min(error.line, len(lines)) + 1):
        for kind, form in (("space", _SPACE), ("dash", _DASH)):
            if match := form.match(lines[number - 1]):
                named = {"code": f"U+{ord(match[1]):04X}", "kind": kind}
                return Finding(
                    "", number, match.start(1) + 1, "wrong-space", arguments=named
                )
    return None


def _list_texts(
    node: Node, name: str = "", place: Mark = (1, 1)
) -> Iterator[tuple[Node, Mark, Mark]]:
    """Yield the texts that may be misread, each with the place of its key or dash, and its end."""
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from _list_texts(child, key, child.key)
    elif isinstance(node.value, list):
        for child in node.value:
            yield from _list_texts(child, name, (child.line, child.column - 1))
    elif node.end and name in _TEXTS:
        yield node, place, node.end


def _find_comment(lines: list[str], node: Node, key: Mark, end: Mark) -> Mark | None:
    """Return where a comment stands before, in or after a text, indented as its lines may be."""
    if node.style in _QUOTES:
        return None
    line, column = key
    rests = [(end[0], lines[end[0] - 1][end[1] - 1 :])]
    if node.line > line:
        after_key = lines[line - 1][column - 1 :].partition(":")[2]
        between = ((number, lines[number - 1]) for number in range(line + 1, node.line))
        rests = [(line, after_key), *between, *rests]
    later = (
        (number, lines[number - 1]) for number in range(end[0] + 1, len(lines) + 1)
    )
    for number, rest in chain(rests, later):
        comment = rest.lstrip(" \t")
        start = len(lines[number - 1]) - len(comment) + 1
        if comment and (comment[0] != "#" or start <= column):
            return None
        if comment:
            return number, start
    return None


def _find_folded_line(lines: list[str], node: Node, end: Mark) -> Mark | None:
    """Return where a line begins whose line break is lost, though it looks meant."""
    is_block = node.style == ">"
    if node.style == "|" or end[0] == node.line:
        return None
    start = node.line + is_block
    written = lines[start - 1 : end[0]]
    written[-1] = lines[end[0] - 1][: end[1] - 1]
    if not is_block:
        written[0] = written[0][node.column - 1 :].lstrip("'\"")
    indents = [len(line) - len(line.lstrip()) for line in written if line.strip()]
    for number, (before, line) in enumerate(pairwise(written), start=start + 1):
        # Lines that are indented more keep their breaks after ">".
        is_kept = is_block and any(
            each[min(indents) :].startswith(" ") for each in (before, line)
        )
        if is_kept or not (before.strip() and line.strip()):
            continue
        if any(_OWN_LINE.match(each.strip()) for each in (before, line)):
            return number, len(line) - len(line.lstrip()) + 1
    return None
