"""Answers as blocks: used where plain text loses something, within Telegram's limits."""

import json
import re

import pytest
from hypothesis import given, settings, strategies as st

from merlin.bot.blocks import (
    MAX_BLOCKS,
    MAX_CHARACTERS,
    MAX_FORMULA_CHARACTERS,
    MAX_LEVELS,
    GrowingAnswer,
    count_blocks,
    count_characters,
    frame,
    measure,
    pack,
    render_blocks,
)
from merlin.bot.markdown import formula_text, render
from merlin.core.formatted_text import (
    LIMIT_UNITS,
    FormattedMessage,
    plain_parts,
    show_addresses,
    utf16_length,
)
from merlin.sandbox.telegram import rich_messages
from merlin.sandbox.telegram.rich_messages import find_nodes
from tests.bot.markdown_cases import ANSWER, NAUGHTY, PIECES, SIGNS
from tests.bot.rich_answers import FORMULAS, LONG, TABLES

pytestmark = pytest.mark.unit

TABLE = "|a|b|\n|-|-|\n|1|2|"


SITE = "https://a.example.org/p.png"
BUTTON = '<tg-button type="callback_data">'


def node(kind, text):
    return {"type": kind, "text": text}


def bold(text):
    return node("bold", text)


def paragraph(*pieces):
    return node("paragraph", pieces[0] if len(pieces) == 1 else [*pieces])


def item(*blocks, **fields):
    """Return a list of one item."""
    return {"type": "list", "items": [{"blocks": [*blocks], **fields}]}


def check_blocks(blocks, **how):
    """Check blocks as Telegram gets them."""
    rich_messages.check_blocks(json.loads(json.dumps(blocks)), **how)


def blocks_of(markdown):
    """Return the blocks of an answer that fits one message, as Telegram takes them."""
    (page,) = render_blocks(markdown)
    assert page.blocks
    check_blocks(page.blocks)
    return [*page.blocks]


def block_of(markdown):
    """Return the block of a text; a table before it makes it rich."""
    _, *blocks = blocks_of(f"{TABLE}\n\n{markdown}")
    (block,) = blocks
    return block


def shown_text(value):
    """Return what a reader of blocks sees, with the addresses of links."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        separator = "" if any(isinstance(part, str) for part in value) else " "
        return separator.join(map(shown_text, value))
    if value.get("type") == "mathematical_expression":
        return formula_text(value["expression"])
    names = ("text", "blocks", "items", "cells", "summary")
    text = "".join(shown_text(value[name]) for name in names if name in value)
    address = value.get("url", "").removeprefix("mailto:")
    return text if address in text else f"{text} ({address})"


def count_levels(shown):
    """Return how deeply blocks, list items, table rows and styles are nested."""
    if isinstance(shown, str):
        return 0
    if isinstance(shown, (list, tuple)):
        return max(map(count_levels, shown), default=0)
    if rows := shown.get("cells"):
        return 2 + max(
            count_levels(cell.get("text", "")) for row in rows for cell in row
        )
    names = ("text", "blocks", "items")
    return 1 + max(
        (count_levels(shown[name]) for name in names if name in shown), default=0
    )


def words(text):
    return set(re.findall(r"[^\W\d_]+", text))


@pytest.mark.parametrize(
    "markdown",
    [
        "Просто **жирный** [текст](https://a.example.org)",
        "- a\n- b",
        "- a\n  > - b",
        "1. a\n2. b",
        "# Заголовок\n\n> цитата\n\n---",
        "```python\nprint(1)\n```",
        f"```\n{'слово ' * 1000}```\n\nВот код.",
        "Цена $5, потом $10",
        "`$x^2$` и `| a |`",
        f"**x**{'x' * (LIMIT_UNITS - 1)}",
        f"{'x' * 3000}\n\n```\n{'x' * 3000}\n```",
        "",
        " \n ",
    ],
)
def test_answer_that_loses_nothing_stays_plain(markdown):
    assert render_blocks(markdown) == [render(markdown)]


@pytest.mark.parametrize(
    "markdown",
    [
        TABLE,
        "где $x^2$",
        "$$x$$",
        "- [ ] дело",
        "1. [x] дело",
        "- a\n  - b",
        "1. a\n   - b",
        "x" * (LIMIT_UNITS + 1),
        "😀" * (LIMIT_UNITS // 2 + 1),
        f"{'x' * 3001}\n\n```\n{'x' * 3000}\n```",
        f"{'слово ' * 700}\n\n```\n{'код ' * 100}```",
    ],
)
def test_answer_that_loses_something_is_rich(markdown):
    (page,) = render_blocks(markdown)
    check_blocks(page.blocks)
    assert (page.text, page.marks) == (render(markdown).text, render(markdown).marks)


def test_formulas_tables_and_long_answers_are_native_and_have_a_fallback():
    natives = {
        "mathematical_expression": FORMULAS,
        "table": TABLES,
        "": LONG,
    }
    count = 0
    for kind, answers in natives.items():
        for markdown in answers:
            (page,) = render_blocks(markdown)
            check_blocks(page.blocks)
            assert not kind or find_nodes([*page.blocks], kind), markdown
            parts = plain_parts(page)
            assert all(utf16_length(part.text) <= LIMIT_UNITS for part in parts)
            shown = "\n".join(show_addresses(part) for part in parts)
            assert words(shown) <= words(shown_text(page.blocks)), markdown
            assert "\\" not in shown
            count += 1
    assert count == 50


def test_every_element_has_its_block():
    kinds = [block["type"] for block in blocks_of(ANSWER)]
    assert kinds == [
        *("heading", "paragraph", "list", "pre", "blockquote", "table", "paragraph"),
    ]


@pytest.mark.parametrize(
    ("markdown", "block"),
    [
        ("a **b** `x<y`", paragraph("a ", bold("b"), " ", node("code", "x<y"))),
        ("*a* ~~b~~", paragraph(node("italic", "a"), " ", node("strikethrough", "b"))),
        ("a\nb  \nc", paragraph("a\nb\nc")),
        ("###### T", {**node("heading", "T"), "size": 6}),
        ("```py\nx\n```", {**node("pre", "x"), "language": "py"}),
        ("```<b>\n\n  x\n```", node("pre", "  x")),
        ("    x", node("pre", "x")),
        ("```\n\nx  \n\n```", node("pre", "x")),
        ("***", {"type": "divider"}),
        ("> a", {"type": "blockquote", "blocks": [paragraph("a")]}),
        ("- a", item(paragraph("a"))),
        ("3. a", item(paragraph("a"), type="1", value=3)),
        ("- [X] a", item(paragraph("a"), has_checkbox=True, is_checked=True)),
        ("- [ ] a", item(paragraph("a"), has_checkbox=True, is_checked=False)),
        ("$$ x $$", {"type": "mathematical_expression", "expression": "x"}),
        (
            "\\( x \\)",
            paragraph({"type": "mathematical_expression", "expression": "x"}),
        ),
        ("$ x", paragraph("$ x")),
        (f"[t]({SITE})", paragraph({**node("url", "t"), "url": SITE})),
        (f"![t]({SITE})", paragraph({**node("url", "t"), "url": SITE})),
        (f"![]({SITE})", paragraph({**node("url", SITE), "url": SITE})),
        (
            f"[![t]({SITE})](https://b.example.org)",
            paragraph({**node("url", "t"), "url": "https://b.example.org"}),
        ),
        (
            f"см. {SITE}, там",
            paragraph("см. ", {**node("url", SITE), "url": SITE}, ", там"),
        ),
        (
            f"({SITE}_(x)).",
            paragraph("(", {**node("url", f"{SITE}_(x)"), "url": f"{SITE}_(x)"}, ")."),
        ),
        (f"**{SITE}**", paragraph(bold({**node("url", SITE), "url": SITE}))),
        (f"`{SITE}`", paragraph(node("code", SITE))),
        ("http://localhost:80/x tg://x", paragraph("http://localhost:80/x tg://x")),
        ("tg://resolve", paragraph("tg://resolve")),
        (
            f"[**{SITE}** x](https://b.example.org)",
            paragraph({**node("url", f"{SITE} x"), "url": "https://b.example.org"}),
        ),
        (f"**x** {BUTTON}", paragraph(bold("x"), f" {BUTTON}")),
    ],
)
def test_block_of(markdown, block):
    assert block_of(markdown) == block


def test_table_keeps_headings_sides_and_empty_cells():
    (block,) = blocks_of("|a|b|\n|:-:|--:|\n|**x**||")
    middle = {"align": "center", "valign": "middle"}
    right = {"align": "right", "valign": "middle"}
    assert block == {
        "type": "table",
        "cells": [
            [{"text": "a", **middle, "is_header": True}, {"text": "b", **right, "is_header": True}],
            [{"text": {"type": "bold", "text": "x"}, **middle}, right],
        ],
        "is_bordered": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "is_opened"),
    [
        ("http://a.example.org", True),
        ("https://a.example.org/x?y=z", True),
        ("mailto:anna@example.org", True),
        ("mailto:anna", False),
        ("mailto:anna@example", False),
        ("tg://resolve?domain=a", False),
        ("tel:123", False),
        ("ftp://a.example.org", False),
        ("http://localhost", False),
        ("/etc/passwd", False),
    ],
)
def test_only_addresses_that_telegram_opens_are_links(address, is_opened):
    text = block_of(f"[слово]({address})")["text"]
    assert bool(find_nodes(text, "url")) is is_opened
    assert address.removeprefix("mailto:") in shown_text(text)


def test_what_shows_nothing_has_no_block():
    assert [
        block["type"]
        for block in blocks_of(f"{TABLE}\n\n#\n\n-\n\n>\n\n```\n```\n\n[]()")
    ] == ["table"]


@pytest.mark.parametrize(
    ("length", "count"), [(MAX_CHARACTERS, 1), (MAX_CHARACTERS + 1, 2)]
)
def test_one_message_takes_so_many_characters(length, count):
    half = length // 2
    pages = render_blocks(f"{'a' * half}\n\n{'b' * (length - half)}")
    assert len(pages) == count
    assert all(measure(page.blocks).fits for page in pages)
    assert "".join(page.text for page in pages).replace("\n", "").count("b") == (
        length - half
    )


def test_characters_are_counted_everywhere():
    (page,) = render_blocks(
        f"{TABLE}\n\n- `в` [😀](https://a.example.org) $x^2$\n  - я"
    )
    assert count_characters(page.blocks) == len("ab12") + len("в  x^2я") + 2


@pytest.mark.parametrize(
    ("paragraphs", "count"), [(MAX_BLOCKS, 1), (MAX_BLOCKS + 1, 2)]
)
def test_one_message_takes_so_many_blocks(paragraphs, count):
    pages = render_blocks("\n\n".join(["длинное слово"] * paragraphs))
    assert [bool(page.blocks) for page in pages] == [True] * count
    assert sum(count_blocks(page.blocks) for page in pages) == paragraphs


def test_items_rows_and_nested_blocks_are_counted():
    (page,) = render_blocks(f"{TABLE}\n\n- a\n  - b\n\n> c")
    # The table and its rows; two lists, items and paragraphs; the quote and its paragraph.
    assert count_blocks(page.blocks) == 3 + 6 + 2


def test_long_table_is_split_by_rows_with_its_heading():
    rows = "".join(f"|{number}|слово|\n" for number in range(1000))
    pages = render_blocks(f"Вот таблица.\n\n|номер|имя|\n|-|-|\n{rows}\nКонец.")
    numbers = []
    for page in pages:
        check_blocks(page.blocks)
        for table in find_nodes([*page.blocks], "table"):
            heading, *others = table["cells"]
            assert [cell["text"] for cell in heading] == ["номер", "имя"]
            numbers += [int(row[0]["text"]) for row in others]
    assert numbers == [*range(1000)]
    assert len(pages) == 3
    # Each page has the plain form of its own part alone.
    assert "999" in pages[-1].text
    assert "999" not in pages[0].text


@pytest.mark.parametrize(
    "large",
    [
        "слово " * 6000,
        "\n".join(f"- пункт {number}" for number in range(MAX_BLOCKS)),
        f"|a|\n|-|\n|{'b' * MAX_CHARACTERS}|",
        "\n\n".join(["- пункт\n\n  второй\n\n  третий"] * 150),
    ],
)
def test_block_that_no_message_takes_is_plain_text(large):
    first, middle, last = render_blocks(f"{TABLE}\n\n{large}\n\n{TABLE}")
    assert first.blocks == last.blocks
    assert first.blocks[0]["type"] == "table"
    assert middle == render(large)


def test_table_of_headings_alone_is_kept_in_a_split_answer():
    half = "слово " * 5000
    pages = render_blocks(f"{half}\n\n|a|b|\n|-|-|\n\n{half}")
    kinds = [[block["type"] for block in page.blocks] for page in pages]
    assert kinds == [["paragraph", "table"], ["paragraph"]]


@pytest.mark.parametrize(("columns", "kind"), [(20, "table"), (21, "pre")])
def test_table_has_so_many_columns(columns, kind):
    cells = "|".join(f"[{n}](https://a.example.org/{n})" for n in range(columns))
    rule = "|".join(["-"] * columns)
    (block,) = blocks_of(f"|{cells}|\n|{rule}|\n|{cells}|")
    assert block["type"] == kind
    assert "https://a.example.org/19" in shown_text(block)


@pytest.mark.parametrize(
    ("length", "kind"),
    [
        (MAX_FORMULA_CHARACTERS, "mathematical_expression"),
        (MAX_FORMULA_CHARACTERS + 1, "pre"),
    ],
)
def test_formula_has_so_many_characters(length, kind):
    assert block_of(f"$${'x' * length}$$")["type"] == kind
    inline = block_of(f"где \\({'x' * length}\\)")["text"]
    assert bool(find_nodes(inline, "mathematical_expression")) is (kind != "pre")


@pytest.mark.parametrize(
    "nested",
    [
        "\n".join(f"{'  ' * level}- уровень{level}" for level in range(15)),
        f"{'> ' * 18}**слово**",
        "- > " * 6 + "слово",
        f"{'> ' * 8}- {'*a **b ' * 8}слово{'** *' * 8}",
    ],
)
def test_deeply_nested_answer_keeps_its_words(nested):
    blocks = blocks_of(f"{TABLE}\n\n{nested}")
    assert words(render(nested).text) <= words(shown_text(blocks))
    assert count_levels(blocks) <= MAX_LEVELS


@pytest.mark.parametrize(
    ("nested", "levels"),
    [
        (f"{'> ' * 11}***~~слово~~***", 14),
        (f"{'> ' * 10}[*слово* $x^2$](https://a.example.org)", 13),
        (f"{'> ' * 11}***~~слово $x^2$~~***", 14),
        (f"{'> ' * 11}***слово $x^2$***", 14),
        (f"{'> ' * 11}***слово https://a.example.org***", 14),
        (f"{'> ' * 11}***[слово](https://a.example.org)***", 14),
        (f"{'> ' * 11}**[*слово*](https://a.example.org)**", 14),
        (f"{'> ' * 12}***~~слово~~***", 12),
        (f"{'> ' * 11}- **слово**", 12),
        (f"{'> ' * 11}1. **слово**", 12),
        (f"{'> ' * 10}- ***слово***", 14),
        (f"{'> ' * 10}- **[слово](https://a.example.org)**", 14),
        (f"{'> ' * 11}|a|\n{'> ' * 11}|-|\n{'> ' * 11}|***слово***|", 14),
    ],
)
def test_blocks_and_styles_take_so_many_levels(nested, levels):
    blocks = blocks_of(f"{TABLE}\n\n{nested}")
    assert count_levels(blocks) == levels
    assert "слово" in shown_text(blocks)


def test_empty_formula_and_invisible_bold_show_nothing():
    assert blocks_of(f"{TABLE}\n\n$$$$\n\n**\u200b**")[1:] in (
        [],
        [{"type": "paragraph", "text": "$$$$"}],
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(SIGNS, max_size=120),
        st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    )
)
def test_any_markdown_gives_blocks_that_telegram_takes_with_the_same_words(markdown):
    for text in (markdown, f"{TABLE}\n\n{markdown}"):
        for page in render_blocks(text):
            if page.blocks:
                check_blocks(page.blocks)
                assert words(show_addresses(page)) <= words(shown_text(page.blocks))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("аб *_#>-+!<\n", max_size=80))
def test_blocks_lose_and_add_no_word(markdown):
    (page,) = render_blocks(f"{TABLE}\n\n{markdown}")
    letters = re.compile(r"[\W\d_]+")
    shown = letters.sub("", shown_text(page.blocks))
    assert shown == letters.sub("", f"{TABLE}{markdown}")


def test_naughty_strings_are_blocks_that_telegram_takes():
    for text in NAUGHTY:
        for markdown in (text, f"**{text}**", f"- a\n  > {text}\n", f"# {text}"):
            for page in render_blocks(f"{TABLE}\n\n{markdown}"):
                check_blocks(page.blocks)


def test_every_frame_of_a_growing_answer_is_taken_and_the_last_is_the_answer():
    for answer in (ANSWER, *FORMULAS, *TABLES[:7]):
        growing = GrowingAnswer()
        for end in range(0, len(answer), 3):
            page = growing.draw(answer[:end])
            if page.blocks:
                check_blocks(page.blocks, is_draft=True)
        (whole,) = render_blocks(answer)
        assert growing.draw(answer).blocks == whole.blocks


def test_frame_is_plain_until_blocks_are_needed():
    growing = GrowingAnswer()
    assert growing.draw("Вот **таблица**:") == render("Вот **таблица**:")
    assert growing.draw(f"Вот **таблица**:\n\n{TABLE}").blocks
    assert growing.draw("Вот **таблица**:\n\n|a|b|").blocks


def test_frame_takes_what_fits_one_message():
    growing = GrowingAnswer()
    growing.draw(TABLE)
    first = f"{TABLE}\n\n{'a' * 20_000}"
    for text in (f"{first}\n\n{'b' * 20_000}", f"{first}\n\n{'b' * 20_000}\n\nв"):
        blocks = growing.draw(text).blocks
        check_blocks(blocks, is_draft=True)
        assert [block["type"] for block in blocks] == ["table", "paragraph"]


def test_another_model_begins_the_frame_anew():
    growing = GrowingAnswer()
    growing.draw(f"{TABLE}\n\nпервая\n\nмодель")
    assert growing.draw("вторая **модель**") == render("вторая **модель**")
    blocks = growing.draw(f"вторая\n\n{TABLE}").blocks
    assert [block["type"] for block in blocks] == ["paragraph", "table"]


def test_neighbouring_pages_are_joined_as_far_as_they_fit():
    lead = frame("blockquote", "вопрос")
    note = frame("italic", "примечание")
    (answer,) = render_blocks(TABLE)
    assert pack([FormattedMessage(""), answer, frame("italic", "")]) == [answer]
    (joined,) = pack([lead, answer, note])
    check_blocks(joined.blocks)
    assert joined.text == f"вопрос\n\n{answer.text}\n\nпримечание"
    assert [block["type"] for block in joined.blocks] == [
        "blockquote",
        "table",
        "paragraph",
    ]
    plain = render("слово")
    assert pack([lead, plain, note]) == [lead, plain, note]
    (full,) = render_blocks("a" * MAX_CHARACTERS)
    assert pack([lead, full, note]) == [lead, full, note]
    assert pack([full, answer, note]) == [full, *pack([answer, note])]
    assert pack([frame("italic", " "), answer]) == [answer]


@pytest.mark.parametrize("kind", ["italic", "blockquote", "expandable_blockquote"])
def test_frame_is_one_block(kind):
    page = frame(kind, "слово\nещё")
    check_blocks(page.blocks)
    assert [mark.kind for mark in page.marks] == [kind]
    assert find_nodes([*page.blocks], kind)
    assert shown_text(page.blocks) == page.text
