"""Texts of other programs: their encoding, HTML, quizzes in GIFT, and documents with headings.

Source: Moodle's "GIFT format".
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from itertools import count, pairwise, takewhile
from textwrap import dedent
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from merlin.core.file_kind import UTF_8, detect_encoding
from merlin.core.i18n import CODE
from merlin.dataset.finding import Finding
from merlin.dataset.leftovers import find_leftovers
from merlin.dataset.yaml_io import decode_text

# What Excel, Numbers, old consoles and mailers write; others are taken for one of these at times.
_ENCODINGS = ["cp1251", "koi8_r", "cp866", "cp1252", "mac_cyrillic"]


def decode_any(content: bytes) -> tuple[str | Finding, str]:
    """Return a text of any encoding, and the encoding if it is none of Unicode.

    A finding if it is UTF-8 with a damaged place, or in an unknown encoding.
    """
    encoding = detect_encoding(content[:4])
    if encoding != UTF_8 or b"\0" in content[:100]:
        return content.decode(
            "utf-16" if encoding != UTF_8 else "utf-16-le", "replace"
        ), ""
    text = decode_text(content)
    letters = [each for each in content.decode(errors="replace") if each > "\x7f"]
    is_damaged = letters.count("\ufffd") * 2 <= len(letters)
    if is_damaged or not isinstance(text, Finding) or text.rule != "not-utf8":
        return text, ""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - 1 MB, for a file of an old program

    for isolated, most in ((_ENCODINGS, 1.0), (None, 0.2)):
        for match in from_bytes(content, cp_isolation=isolated, threshold=most):
            found = content.decode(match.encoding, "replace")
            if _are_words(found[:_SAMPLE_CHARACTERS]):
                return found, match.encoding
    return text, ""


_SAMPLE_CHARACTERS = 20_000
_WORDS = re.compile(r"[‚†‡€‰‹]?[^\W\d_]+")
# A word of one script, with no capital letter behind a small one. What has letters of Western
# Europe has others too.
_WORD = re.compile(
    "[А-ЯЁІЇЄҐЎ]?[а-яёіїєґў]+|[А-ЯЁІЇЄҐЎ]+|[А-Я]?(?:[А-Я][а-я]+)+|[Α-ΫΆ-Ώ]?[ΐά-ώ]+|[Α-Ω]+"
    "|[À-ž]?[a-z][a-zß-ž]*|[A-Z][a-zß-ž]*|[ß-ž]{1,2}[a-z][a-zß-ž]*|[A-ZÀ-Ž]*[A-Z][A-ZÀ-Ž]*|[Àà]"
    "|[\u3005-\u30ff\u4e00-\u9fff]+|[\uac00-\ud7a3]+"
)


def _are_words(text: str) -> bool:
    """Return whether nearly all words with other letters than English ones look like words."""
    words = [each for each in _WORDS.findall(text) if not each.isascii()]
    good = sum(_WORD.fullmatch(each) is not None for each in words)
    # Two scripts of one text; Turkish that was read as Icelandic, letters read as frames of tables.
    is_mixed = all(
        re.search(each, text) for each in ("[\u4e00-\u9fff]", "[\uac00-\ud7a3]")
    )
    return (
        good >= len(words) * 0.85
        and not is_mixed
        and not re.search("[ðþ\u2500-\u25a0]", text)
    )


_MEDIA = "img|video|audio|source|iframe|embed|object|svg"
# Tags, in this order, and what people see in their place. None is searched for beyond the beginning
# of the next one: the time would be the square of the length.
_HTML = (
    (
        r"(?is)<(script|style|head|del|strike)\b(?:(?!<\1\b).)*?</\1\s*>|<!--(?:(?!<!--).)*?-->",
        "",
    ),
    # A template's <s>…</s> is a whole text.
    (
        r"(?is)(?<=[^>\s]) ?<s>(?:(?!<s>).)*?</s>|<s>(?:(?!<s>).)*?</s>(?=\s*[^<\s])",
        "",
    ),
    (r"(?i)</?code\b[^<>]*>", "`"),
    (
        r"(?is)<a\b[^<>]*?\bhref\s*=\s*[\"']?([^\"'\s<>]+)[^<>]*>((?:(?!<a\b).)*?)</a\s*>",
        r"[\2](\1)",
    ),
    (rf"(?i)<(?:{_MEDIA})\s(?=[^<>=]*=)[^<>]*>", "![](…)"),
    (r"(?i)\s*<br\s*/?>\s*", "\n"),
    (r"(?i)\s*<li\b[^<>]*>\s*", "\n- "),
    (
        r"(?i)\s*</?(?:p|div|tr|table|ul|ol|d[ltd]|h[1-6]|blockquote|section)\b[^<>]*>\s*",
        "\n\n",
    ),
    (r"(?i)</?[a-z][\w-]*(?:\s[^<>]*)?/?>", ""),
    (r"[^\S\n]+", " "),
    (r" ?\n ?", "\n"),
    (r"\n{3,}", "\n\n"),
)


# Longer texts stay as they are: a tag without its end is searched for to the end of each.
_MAX_HTML = 50_000


def html_text(text: str) -> str:
    """Return the text of HTML as people see it, with lists, links and code as in Markdown."""
    if len(text) > _MAX_HTML:
        return text
    parts = re.split(r"(?is)(<ol\b.*?</ol\s*>)", re.sub(r"\s+", " ", text))
    for at in range(1, len(parts), 2):
        items = re.split(r"(?i)<li\b[^>]*>", parts[at])
        parts[at] = "".join(
            f"<br>{number}. {item}" for number, item in enumerate(items) if number
        )
    text = "".join(parts)
    for pattern, seen in _HTML:
        text = re.sub(pattern, seen, text)
    return unescape(text).replace("\xa0", " ").strip()


# A picture or a file of Moodle, in Markdown, Obsidian or HTML.
_PICTURE = re.compile(
    rf"(?i)!\[[^\[\]\n]{{0,300}}\][(\[][^()\[\]\s]{{0,60}}[)\]]?|!\[\[|@@PLUGINFILE@@"
    rf"|<(?:{_MEDIA})\s[^<>=]*="
)


def find_picture(text: str) -> str:
    """Return the first picture or sound that stands in a text outside of code, else ""."""
    is_possible = any(sign in text for sign in ("![", "<", "@@"))
    found = _PICTURE.search(CODE.sub("", text)) if is_possible else None
    return found[0] if found else ""


def mend_html(text: str) -> str:
    """Return the text as people see it if it is HTML, not a text about HTML."""
    is_html = any(row.kind == "html" for row, _ in find_leftovers(text, "answer"))
    is_code = "`" in text or "<pre" in text.casefold()  # its lines would be joined
    return html_text(text) if is_html and not is_code else text


# No text is matched in two ways: the time would be the square of the length.
_GIFT = re.compile(
    r"\s*+(?:::(?P<title>(?:\\.|(?!::)[^\\])*)::)?\s*+(?:\[(?P<form>\w++)\])?"
    r"(?P<before>(?:\\.|[^\\{])*)\{(?P<body>(?:\\.|[^\\}])*)\}(?P<after>.*)",
    re.DOTALL,
)
# "=" or "~" (with how many percent are right), the choice, and the feedback after "#".
_GIFT_CHOICE = re.compile(
    r"([=~])(?:%(-?[\d.]+)%)?((?:\\.|[^\\=~#]|(?<=-)>)*)(?:#(?:\\.|[^\\=~])*)?"
)
_GIFT_TRUTH = {"t": "true", "true": "true", "f": "false", "false": "false"}


def read_gift(text: str, left: Counter[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the questions of a quiz in GIFT that have right answers, several in lines."""
    plain = re.sub(r"(?m)^[ \t]*(?://|\$CATEGORY).*$", "", text)
    line = 1
    last = 0
    for found in re.finditer(r"(?:^.*\S.*\n?)+", plain, re.MULTILINE):
        line += plain.count("\n", last, found.start())
        last = found.start()
        match = _GIFT.fullmatch(found[0].strip())
        right, others = _read_gift_answers(match["body"].strip()) if match else ([], 0)
        if not match or not right:
            left["questions"] += 1
            continue
        left["choices"] += others
        gap = "_____" if match["after"].strip() else ""
        asked = _unescape_gift(f"{match['before']}{gap}{match['after']}")
        answer = _unescape_gift("\n".join(right))
        if match["form"] == "html":
            asked = html_text(asked)
            answer = html_text(answer)
        yield line, {"question": asked, "answer": answer}


def _read_gift_answers(body: str) -> tuple[list[str], int]:
    """Return the right answers, and how many others there are."""
    words = re.split(r"(?<!\\)#", body)[0].strip()
    if words.casefold() in _GIFT_TRUTH:
        return [_GIFT_TRUTH[words.casefold()]], 0
    if body.startswith(
        "#"
    ):  # a number, maybe with what it may differ by, or a choice of them
        body = re.sub(r":[\d.]+", "", body[1:] if "=" in body else f"={body[1:]}")
    choices = [
        (*each.groups()[:2], each[3].strip()) for each in _GIFT_CHOICE.finditer(body)
    ]
    pairs = [text.replace("->", "—", 1) for _, _, text in choices if "->" in text]
    right = pairs or [text for sign, _, text in choices if sign == "="][:1]
    right = right or [text for _, share, text in choices if float(share or 0) > 0]
    return right, len(choices) - len(right)


def _unescape_gift(text: str) -> str:
    return re.sub(r"\\([~=#{}:])", r"\1", text.replace("\\n", "\n")).strip()


class Block(NamedTuple):
    """A paragraph of a document: its first line from 1, and its level if it is a heading, else 0.

    `cells` are those of a row of a table.
    """

    line: int
    level: int
    text: str
    cells: Sequence[str] = ()


_BOLD = 7  # the level of a paragraph that is bold as a whole, or that a reader opens
_BOLD_LINE = re.compile(r"(?:\*\*([^*\n]+)\*\*|__([^_\n]+)__):?(?:\n|\Z)")
_PROPERTIES = re.compile(
    r"\A(?:(---|\+\+\+)\n.*?\n\1\n|# [^\n]*\n\n(?:[\w -]+: [^\n]*\n)+\n)", re.DOTALL
)
_PROPERTY = re.compile(r"(?m)^([\w -]+?)[ \t]*[:=][ \t]*(.+)$")
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1\n", re.DOTALL)
# Blocks of Docusaurus, VitePress and MyST.
_FENCE = re.compile(r"(?m)^:::+[ \t]*(?:(?:details|dropdown)[ \t]+(\S[^\n]*))?.*$")
# What MkDocs and Obsidian open by a click, and boxes that ask: the title, and the lines below.
_OPENED = re.compile(
    r"(?m)^(?:\?\?\?\+?|!!!(?=.*\?\"$)) \w+ \"([^\"\n]+)\"$((?:\n(?: {4}.*|(?=\n|\Z)))*)"
    r"|^> ?\[!\w+\](?:[-+]|(?=.*\?$)) *(\S[^\n]*)$((?:\n>.*)*)"
)
# The id of a heading, in Markdown or HTML.
_ANCHOR = re.compile(r"(?i)\{[#.:][^{}\n]*\}$|<a\b[^<>]*></a>")
_SUMMARY = re.compile(
    r"(?is)<summary\b[^<>]*>((?:(?!<summary\b).)*?)</summary\s*>|</?details\b[^<>]*>"
)
_UNSEEN = {
    "comments": re.compile(r"<!--(?:(?!<!--)[\s\S])*?-->|%%[^%]*%%"),
    "struck": re.compile(r"~~[^~\n]+~~"),
}


def read_markdown(text: str, left: Counter[str]) -> Iterator[Block]:
    """Yield the blocks of a document in Markdown, as they are written.

    What a reader opens by a click is a heading: `<details>`, an item of a list that asks.
    """
    text = _FRONT_MATTER.sub(
        lambda found: "\n" * found[0].count("\n"), text.replace("\r\n", "\n")
    )
    text = _FENCE.sub(lambda found: f"###### {found[1]}" if found[1] else "", text)
    text = _OPENED.sub(_write_opened, text)
    lines = text.split("\n")
    for token, inner, is_inside, is_opened in _list_tokens(text):
        first, end = token.map or (0, 0)
        written = "\n".join(lines[first:end])
        written = (dedent(written) if is_inside else written).strip()
        if token.type == "table_open":
            for at in (first, *range(first + 2, end)):
                yield Block(at + 1, 0, lines[at], _split_cells(lines[at]))
        elif token.type in ("fence", "code_block"):
            yield Block(first + 1, 0, written)
        else:
            for kind, pattern in _UNSEEN.items():
                written, times = pattern.subn("", written)
                left[kind] += times
            if token.type == "heading_open":
                yield Block(
                    first + 1, int(token.tag[1]), _ANCHOR.sub("", inner.content).strip()
                )
            elif is_opened:
                yield Block(first + 1, _BOLD, inner.content)
            elif token.type == "html_block":
                yield from _read_html_block(first + 1, written)
            else:
                yield from _read_paragraph(first + 1, written)


def read_properties(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a document says of itself above its text or, in Notion, below its title."""
    head = _PROPERTIES.match(text.replace("\r\n", "\n"))
    for found in _PROPERTY.finditer(head[0] if head else ""):
        yield found[1], found[2].strip(" \t\"'")


def _write_opened(found: re.Match[str]) -> str:
    below = re.sub(r"(?m)^(?: {4}|> ?)", "", found[2] or found[4] or "")
    return f"###### {found[1] or found[3]}{below}"


def _split_cells(row: str) -> list[str]:
    cells = [
        each.strip().replace("\\|", "|") for each in re.split(r"(?<!\\)\|", row.strip())
    ]
    return cells[not cells[0] : len(cells) - (not cells[-1])]


def _read_paragraph(line: int, written: str) -> Iterator[Block]:
    if bold := _BOLD_LINE.match(written):
        yield Block(line, _BOLD, bold[1] or bold[2])
        written = written[bold.end() :]
    if written:
        yield Block(line, 0, written)


def _read_html_block(line: int, written: str) -> Iterator[Block]:
    """Yield the summaries as headings, the ends of details as headings without a text."""
    at = 0
    for found in _SUMMARY.finditer(written):
        yield from _read_paragraph(line, mend_html(written[at : found.start()].strip()))
        yield Block(line, _BOLD, html_text(found[1] or ""))
        at = found.end()
    yield from _read_paragraph(line, mend_html(written[at:].strip()))


def _list_tokens(text: str) -> Iterator[tuple[Token, Token, bool, bool]]:
    """Yield the blocks of a text with what follows each, whether it is in a list, and opens more.

    A list stays one block unless an item of it asks and has more than the question.
    """
    end = Token("end", "", -1)
    tokens = [*MarkdownIt().enable("table").parse(text), *[end] * 4]
    depth = 0
    for at, token in enumerate(tokens):
        if token.type.endswith("list_close") and token.level < depth:
            depth -= 2
        if (
            token.level != depth
            or token.nesting < 0
            or token.map is None
            or token.type == "hr"
        ):
            continue
        if token.type.endswith("list_open") and _has_toggle(tokens, at):
            depth += 2
            continue
        is_opened = depth > 0 and tokens[at - 1].type == "list_item_open"
        yield token, tokens[at + 1], depth > 0, is_opened


def _has_toggle(tokens: Sequence[Token], start: int) -> bool:
    """Return whether an item of a list asks, and has more than the question."""
    inside = takewhile(
        lambda at: tokens[at].level > tokens[start].level, count(start + 1)
    )
    return any(
        tokens[at].type == "list_item_open"
        and _asks(tokens[at + 2].content)
        and tokens[at + 4].type != "list_item_close"
        for at in inside
    )


_MARK = (
    r"(?i)[\W_]{0,4}(?:%s)(?:[ \xa0]*№?[ \xa0]*\d+)?[*_]{0,2}[ \xa0]*[:.)—–][*_]{0,2}[ \xa0]*"
    r"(?=\S|$)"
)
_ASKED = re.compile(_MARK % "q|question|в|вопрос")
_ANSWERED = re.compile(_MARK % "a|answer|о|ответ")
_NUMBER = re.compile(r"\d+(?:\.\d+)*[.)][ \t\xa0]+")
_LINES = re.compile(r"\n|(?<=\S)[ \t\xa0]+(?=(?:Ответ|Answer)[ \xa0]?:)")
_MAX_QUESTION = 300
_END = Block(0, 1, "")


def _asks(text: str) -> bool:
    return text.rstrip(" *_").endswith("?") and len(text) < _MAX_QUESTION


def drop_label(block: Block, label: str) -> Block:
    """Return a block without its number in a list of Word, if it is a heading or begins to ask."""
    bare = block.text.removeprefix(label).strip()
    is_part = block.level or _asks(bare) or _ASKED.match(bare) or _ANSWERED.match(bare)
    return block._replace(text=bare) if label and is_part else block


def read_outline(
    blocks: Sequence[Block], left: Counter[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the questions of a document, each with what stands below it, up to the next heading.

    A question begins with "Question:" or "Q:"; else it is a heading or a bold line with a question
    mark; else a heading of the level that most texts stand below; else a paragraph that asks.
    """
    blocks, is_question = _find_questions(blocks)
    asked: Block | None = None
    question = list[str]()
    answer = list[list[str]]()  # paragraphs of lines
    last = 0
    for block in [*blocks, _END]:
        is_next = bool(is_question(block))
        if is_next or (
            block.level and block.level <= ((asked and asked.level) or _BOLD)
        ):
            if asked and answer:
                text = _ASKED.sub("", "\n".join(question), count=1)
                text = _NUMBER.sub("", text, count=1).strip(" *_-")
                said = "\n\n".join(map("\n".join, answer))
                yield asked.line, {"question": text, "answer": said}
            left["questions"] += asked is not None and not answer
            left["texts"] += not is_next and block.text != ""
            asked = block if is_next else None
            question = [block.text]
            answer = []
        elif not asked:
            left["texts"] += 1
        elif is_question is _is_marked and _ANSWERED.match(block.text):
            question += map("\n".join, answer)
            answer = [[_ANSWERED.sub("", block.text, count=1)]]
        elif answer and block.line == last:
            answer[-1].append(block.text)
        else:
            answer.append([block.text])
        last = block.line


def _find_questions(
    blocks: Sequence[Block],
) -> tuple[Sequence[Block], Callable[[Block], object]]:
    """Return the pieces of a document, and the first rule by which one of them is a question.

    A heading over all others is no question unless it alone asks; nor is one of a single sign.
    """
    lines = [
        each._replace(text=line) for each in blocks for line in _LINES.split(each.text)
    ]
    headings = [each for each in blocks if each.level and each.text]
    first, *others = headings or [_END]
    is_title = all(each.level > first.level for each in others)
    below = [each for each in (others if is_title else headings) if len(each.text) > 1]
    places = {id(each) for each in below}
    asking = {id(each) for each in headings if each.text.rstrip(" *_").endswith("?")}
    asking = asking & places or asking
    levels = Counter(
        one.level
        for one, two in pairwise(blocks)
        if id(one) in places and not two.level
    )
    usual = levels.most_common(1)[0][0] if levels else 0
    rules: tuple[tuple[Sequence[Block], Callable[[Block], object]], ...] = (
        (lines, _is_marked),
        (blocks, lambda each: id(each) in asking),
        (blocks, lambda each: each.level == usual and id(each) in places),
        (blocks, lambda each: _asks(each.text)),
        (lines, lambda each: _asks(each.text)),
    )
    found = ((pieces, rule) for pieces, rule in rules if any(map(rule, pieces)))
    return next(found, rules[0])


def _is_marked(block: Block) -> bool:
    return _ASKED.match(block.text) is not None
