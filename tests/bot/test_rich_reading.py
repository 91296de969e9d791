"""Rich messages as Markdown: each kind of block and of text, unknown kinds, and the limits."""

import pytest

from merlin.bot.rich_reading import (
    MAX_BLOCKS,
    MAX_CHARACTERS,
    MAX_COLUMNS,
    MAX_DEPTH,
    RichText,
    read_rich_message,
)

pytestmark = pytest.mark.unit


def read(*blocks):
    return read_rich_message({"blocks": list(blocks)})


def paragraph(text):
    return {"type": "paragraph", "text": text}


def styled(kind, text="слово", **fields):
    return {"type": kind, "text": text, **fields}


def item(label, *blocks, **fields):
    return {"label": label, "blocks": list(blocks), **fields}


WORD = paragraph("слово")
NESTED = {"type": "list", "items": [item("•", paragraph("внутри"))]}
SIZES = [{"file_id": "small"}, {"file_id": "large"}]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (WORD, "слово"),
        ({"type": "heading", "text": "Тема", "size": 3}, "### Тема"),
        ({"type": "section_heading", "text": "Тема", "size": 9}, "###### Тема"),
        (
            {"type": "pre", "text": ["a ", styled("bold", "b")], "language": "python"},
            "```python\na b\n```",
        ),
        ({"type": "pre", "text": "```"}, "````\n```\n````"),
        ({"type": "footer", "text": "слово"}, "слово"),
        ({"type": "divider"}, "---"),
        ({"type": "mathematical_expression", "expression": "x^2"}, "$$x^2$$"),
        (
            {"type": "list", "items": [item("•", WORD), item("•", WORD)]},
            "- слово\n- слово",
        ),
        (
            {
                "type": "list",
                "items": [item("3.", WORD, WORD, NESTED), item("c.", WORD)],
            },
            "3. слово\n\n   слово\n\n   - внутри\nc. слово",
        ),
        (
            {
                "type": "list",
                "items": [
                    item("•", WORD, has_checkbox=True, is_checked=True),
                    item("•", WORD, has_checkbox=True),
                ],
            },
            "- [x] слово\n- [ ] слово",
        ),
        (
            {"type": "blockquote", "blocks": [WORD, WORD], "credit": "Автор"},
            "> слово\n>\n> слово\n>\n> — Автор",
        ),
        ({"type": "expandable_blockquote", "text": "а\nб"}, "> а\n> б"),
        ({"type": "pullquote", "text": "а"}, "> а"),
        (
            {"type": "collage", "blocks": [WORD], "caption": {"text": "под ним"}},
            "слово\n\nпод ним",
        ),
        ({"type": "slideshow", "blocks": [WORD]}, "слово"),
        (
            {
                "type": "table",
                "caption": "Цены",
                "cells": [
                    [{"text": "A", "colspan": 2}, {"text": "B", "rowspan": 2}],
                    [{"text": "1|2"}, {"align": "left"}],
                    [{"text": "3"}, {"text": "4\n5"}, {"text": "6"}],
                ],
            },
            "Цены\n\n| A |  | B |\n| --- | --- | --- |\n| 1\\|2 |  |  |\n| 3 | 4 5 | 6 |",
        ),
        (
            {"type": "details", "summary": "Подробно", "blocks": [WORD]},
            "Подробно\n\nслово",
        ),
        (
            {"type": "map", "location": {"latitude": 1.5, "longitude": 2}},
            "map 1.5, 2",
        ),
        (
            {"type": "photo", "photo": SIZES, "caption": {"text": "а", "credit": "б"}},
            "а\n\n— б",
        ),
        (
            {
                "type": "buttons",
                "buttons": [{"text": "Да"}, {"text": "Сайт", "url": "https://a.org"}],
            },
            "Да\n[Сайт](https://a.org)",
        ),
        ({"type": "thinking", "text": "слово"}, "слово"),
        # Kinds of later versions.
        ({"type": "new", "summary": "а", "items": [item("1.", WORD)]}, "а\n\n1. слово"),
        ({"type": "new", "cells": [[{"text": "A"}, "B"]]}, "| A | B |\n| --- | --- |"),
        ({"type": "new", "label": "а", "button": {"text": "б"}}, "а б"),
        ("слово", "слово"),
    ],
)
def test_each_kind_of_block_is_written(block, text):
    found = read(block)
    assert (found.text, found.left_out) == (text, ())


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (["сло", "во"], "слово"),
        (styled("bold", "слово "), "**слово** "),
        (styled("italic", styled("bold")), "***слово***"),
        (styled("underline"), "слово"),
        (styled("strikethrough"), "~~слово~~"),
        (styled("spoiler"), "слово"),
        (["x", styled("subscript", "2")], "x_2"),
        (["x", styled("superscript", "2")], "x^2"),
        (styled("marked"), "слово"),
        (styled("code", styled("bold", "a`b`")), "`` a`b` ``"),
        (styled("date_time", "завтра", unix_time=0), "завтра (1970-01-01 00:00 UTC)"),
        (styled("date_time", "завтра", unix_time=10**20), "завтра"),
        ({"type": "custom_emoji", "alternative_text": "🦔"}, "🦔"),
        ({"type": "mathematical_expression", "expression": "x"}, "$x$"),
        (styled("url", "сайт", url="https://a.org"), "[сайт](https://a.org)"),
        (styled("url", "https://a.org", url="https://a.org"), "https://a.org"),
        (styled("email_address", "почта", email_address="a@b.c"), "почта (a@b.c)"),
        (styled("phone_number", phone_number="слово"), "слово"),
        (styled("bank_card_number", bank_card_number="1"), "слово (1)"),
        (styled("hashtag"), "слово"),
        (styled("cashtag"), "слово"),
        ({"type": "button", "button": {"text": "Да"}}, "Да"),
        (["а", {"type": "anchor", "name": "n"}], "а"),
        (styled("anchor_link"), "слово"),
        (
            [
                styled("reference_link", "[1]", reference_name="n"),
                " ",
                styled("reference", "сноска", name="n"),
            ],
            "[1] [1] сноска",
        ),
        (styled("reference", "сноска", name="m"), "сноска"),
        ({"type": "new", "text": ["а", styled("bold", "б")]}, "а**б**"),
    ],
)
def test_each_kind_of_text_is_written(text, written):
    found = read(paragraph(text))
    assert (found.text, found.left_out) == (written, ())


@pytest.mark.parametrize(
    "block",
    [
        {"type": "hologram"},
        {"type": "hologram", "beam": 7},
        paragraph({"type": "hologram"}),
    ],
)
def test_kind_that_gives_nothing_is_named(block):
    assert read(WORD, block) == RichText("слово", left_out=("unknown",))


def test_message_that_gives_nothing_is_named():
    for message in ({"blocks": []}, {}, "text", read_rich_message):
        assert read_rich_message(message) == RichText("", left_out=("unknown",))


def test_mentions_and_commands_are_entities_in_utf16_units_and_have_no_signs_around():
    user = {"id": 7, "is_bot": True, "first_name": "M"}
    found = read(
        {"type": "heading", "text": styled("bot_command", "/info"), "size": 1},
        paragraph(["😀 ", styled("bold", styled("mention", "@merlin_bot"))]),
        {
            "type": "list",
            "items": [item("•", paragraph(styled("text_mention", user=user)))],
        },
    )
    assert found.text == "/info\n\n😀 @merlin_bot\n\n- слово"
    assert found.entities == (
        {"type": "bot_command", "user": None, "offset": 0, "length": 5},
        {"type": "mention", "user": None, "offset": 10, "length": 11},
        {"type": "text_mention", "user": user, "offset": 25, "length": 5},
    )


def test_marks_of_our_own_in_a_text_are_no_mention():
    assert read(paragraph("\ufdd0слово\ufdd1")) == RichText("слово")


def test_files_of_blocks_are_found_and_those_without_an_id_are_named():
    voice = {"file_id": "v"}
    blocks = [
        {"type": "photo", "photo": SIZES},
        {"type": "details", "blocks": [{"type": "voice_note", "voice_note": voice}]},
        {"type": "video", "video": {}},
    ]
    found = read(*blocks)
    assert found.files == (("photo", SIZES), ("voice", voice))
    assert found.left_out == ("file",)
    assert read({"type": "hologram", "beam": voice}).left_out == ("file",)
    assert read(blocks[0]) == RichText("", files=(("photo", SIZES),))


def nest(levels, inner):
    for _ in range(levels):
        inner = {"type": "details", "blocks": [inner]}
    return inner


def test_what_is_nested_deeper_than_telegram_allows_is_named():
    assert read(nest(MAX_DEPTH - 1, WORD)) == RichText("слово")
    assert read(WORD, nest(MAX_DEPTH, WORD)) == RichText("слово", left_out=("depth",))
    caption = {"type": "collage", "caption": {"text": "слово"}}
    assert read(nest(MAX_DEPTH - 1, caption)) == RichText("слово")
    styles = ["type"]
    for _ in range(MAX_DEPTH - 1):
        styles = [styled("marked", styles)]
    assert read(paragraph(styles)) == RichText("type")
    assert read(paragraph(styled("marked", styles))).left_out == ("depth",)
    lists = "слово"
    for _ in range(400):
        lists = [lists]
    assert read(paragraph(lists)).left_out == ("depth",)


def test_blocks_items_and_rows_beyond_the_limit_are_named():
    rows = {"type": "table", "cells": [[{"text": "a"}]] * (MAX_BLOCKS - 1)}
    assert read(rows).left_out == ()
    assert set(read(rows, WORD).left_out) == {"rest"}
    items = {"type": "list", "items": [{"blocks": []}] * MAX_BLOCKS}
    assert read(items).left_out == ("rest",)


def table(*rows):
    cells = [[{"text": "a"} | cell for cell in row] for row in rows]
    return read({"type": "table", "cells": cells})


def test_table_that_is_too_wide_is_named_and_bounded():
    assert table([{}] * MAX_COLUMNS).left_out == ()
    assert table([{}] * (MAX_COLUMNS + 1)).left_out == ("rest",)
    assert table([{"colspan": 10**9}]).left_out == ()
    assert table([{"colspan": 10**9}, {}]).left_out == ("rest",)
    assert table([{"rowspan": 3}], [{}] * MAX_COLUMNS).left_out == ("rest",)


def test_rows_beyond_the_limit_leave_no_empty_rows():
    text = table(*[[{}]] * (MAX_BLOCKS + 100)).text
    assert len(text.splitlines()) == MAX_BLOCKS
    assert table([{"rowspan": 2}], [], [{}]).text == "| a |\n| --- |\n|  |\n| a |"
    assert table([{"rowspan": 3}, {}], [{}], [{}, {}]).text.splitlines()[2:] == [
        "|  | a |  |",
        "|  | a | a |",
    ]


def test_text_beyond_the_limit_is_named():
    letters = "ы" * MAX_CHARACTERS
    assert read(paragraph(letters)) == RichText(letters)
    assert read(paragraph(letters + "ы"), WORD).text == letters
    assert set(read(paragraph(letters), WORD).left_out) == {"rest"}
