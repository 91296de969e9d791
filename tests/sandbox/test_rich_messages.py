"""What a rich message of the bot may contain, and what the stand-in answers to the rest."""

from copy import deepcopy

import pytest

from merlin.sandbox.telegram.rich_messages import (
    BLOCKS,
    TEXTS,
    RichMessageError,
    check_blocks,
    check_rich_message,
    find_nodes,
    plain_text,
)

pytestmark = pytest.mark.unit

WORDS = {"type": "paragraph", "text": "a"}
KEY = {"text": "a", "callback_data": "b"}


def nest(count, inner, **fields):
    for _ in range(count):
        inner = {**fields, "blocks": [inner]}
    return inner


def details(count, inner=WORDS):
    return nest(count, inner, type="details", summary="s")


def bold(count):
    text = "a"
    for _ in range(count):
        text = {"type": "bold", "text": text}
    return text


def cell(**fields):
    return {"text": "a", "align": "left", "valign": "middle", **fields}


def table(*rows):
    return {"type": "table", "cells": list(rows)}


def numbered(kind, value=None, **fields):
    number = {} if value is None else {"value": value}
    return {"blocks": [WORDS], "type": kind, **number, **fields}


def items(*each):
    return {"type": "list", "items": list(each)}


def paragraph(text):
    return {"type": "paragraph", "text": text}


def keys(*each, **fields):
    return {"type": "buttons", "buttons": list(each), **fields}


PHOTO = {"type": "photo", "photo": [{"file_id": "a"}]}
LARGEST = [
    [paragraph("я" * 32_768)],
    [WORDS] * 500,
    [details(15)],
    [details(15, paragraph(["a", "b"]))],
    [paragraph("см. example.com")],
    [details(5, paragraph(bold(10)))],
    [table([cell()] * 20)],
    [table([cell(colspan=20)], [cell()])],
    [keys(*[KEY] * 8)],
    [keys({"text": "a", "callback_data": "я" * 32})],
    [keys({**KEY, "style": "link"}, {"text": "b", "disabled": {}})],
    [keys({"text": "a", "switch_inline_query_chosen_chat": {}, "style": "danger"})],
    [items(*[{"blocks": [WORDS]}] * 166)],  # 1 + 166 + 166 blocks
]


@pytest.mark.parametrize("blocks", LARGEST)
def test_largest_message_is_answered_as_it_was_sent(blocks):
    sent = deepcopy(blocks)
    answered = check_blocks(blocks)
    assert blocks == sent
    for item in find_nodes(answered, "list"):
        for each in item["items"]:
            assert each.pop("label") == "•"
    assert answered == sent


def not_parsed(text):
    return f"can't parse InputRichBlock: {text}"


MAP = {"type": "map", **dict.fromkeys(("zoom", "width", "height"), 13)}
REFUSED = [
    ([], "rich message must be non-empty"),
    ([paragraph("я" * 32_768), WORDS], "RICH_MESSAGE_TEXT_TOO_LONG"),
    ([paragraph("😀" * 16_385)], "RICH_MESSAGE_TEXT_TOO_LONG"),
    ([WORDS] * 501, "RICH_MESSAGE_BLOCKS_TOO_MANY"),
    ([items(*[{"blocks": [WORDS]}] * 250)], "RICH_MESSAGE_BLOCKS_TOO_MANY"),
    ([table(*[[cell()]] * 500)], "RICH_MESSAGE_BLOCKS_TOO_MANY"),
    ([details(16)], "RICH_MESSAGE_DEPTH_INVALID"),
    ([details(5, paragraph(bold(11)))], "RICH_MESSAGE_DEPTH_INVALID"),
    (
        [paragraph([[[[[[[[[[[[[[[[[["a"]]]]]]]]]]]]]]]]]])],
        "RICH_MESSAGE_DEPTH_INVALID",
    ),
    ([table([cell()] * 21)], "RICH_MESSAGE_TABLE_COLS_TOO_MANY"),
    ([table([cell(), cell(colspan=20)])], "RICH_MESSAGE_TABLE_COLS_TOO_MANY"),
    (
        [table([cell(rowspan=9)], [cell()] * 20)],
        "RICH_MESSAGE_TABLE_COLS_TOO_MANY",
    ),
    ([{"type": "heading", "text": "", "size": 1}], "RICH_MESSAGE_CONTENT_REQUIRED"),
    (
        [paragraph([" ", bold(1), "\n"]), paragraph(" ")],
        "RICH_MESSAGE_CONTENT_REQUIRED",
    ),
    ([{"type": "collage", "blocks": []}], "RICH_MESSAGE_CONTENT_REQUIRED"),
    ([table()], "RICH_MESSAGE_CONTENT_REQUIRED"),
    (
        [{"type": "mathematical_expression", "expression": ""}],
        "RICH_MESSAGE_CONTENT_REQUIRED",
    ),
    ([{"type": "heading", "text": "a"}], not_parsed('Can\'t find field "size"')),
    ([{"type": "poem", "text": "a"}], not_parsed('type "poem" is unsupported')),
    ([{"type": ["a"]}], not_parsed("type \"['a']\" is unsupported")),
    (["a"], not_parsed('type "a" is unsupported')),
    ([paragraph({"type": "plain"})], not_parsed('type "plain" is unsupported')),
    ([{**WORDS, "txt": "a"}], not_parsed('field "txt" is unknown')),
    (
        [items({"blocks": [WORDS], "label": "•"})],
        not_parsed('field "label" is unknown'),
    ),
    ([table([cell(bold=True)])], not_parsed('field "bold" is unknown')),
    ([paragraph(7)], not_parsed('type "7" is unsupported')),
    (
        [{"type": "details", "summary": "a", "blocks": WORDS}],
        "RICH_MESSAGE_CONTENT_REQUIRED",
    ),
    ([{"type": "pre", "text": "a", "language": 7}], not_parsed("expected str")),
    (
        [{"type": "list", "items": [{"blocks": [WORDS], "has_checkbox": "yes"}]}],
        not_parsed("expected bool"),
    ),
    (
        [items(numbered("1"), {"blocks": [WORDS]})],
        "List must be either ordered or unordered",
    ),
    (
        [items({"blocks": [WORDS], "value": 3})],
        "value of a list item counts only with its type",
    ),
    ([items(numbered("a"))], "the stand-in numbers lists by 1, 2, 3 only"),
    ([items(numbered(""))], "the stand-in numbers lists by 1, 2, 3 only"),
    ([items()], "List must be non-empty"),
    (
        [{"type": "heading", "text": "a", "size": 7}],
        "Invalid section heading size specified",
    ),
    ([table([None])], "Table cell must be non-empty"),
    ([table([cell(colspan=0)])], "Invalid table cell colspan specified"),
    ([table([cell(rowspan=True)])], "Invalid table cell rowspan specified"),
    ([table([cell(align="justify")])], "Invalid alignment specified"),
    ([WORDS, {"type": "thinking", "text": "a"}], "Block is not allowed"),
    (
        [{"type": "map", "location": {"latitude": "7", "longitude": 1}}],
        not_parsed('Can\'t find field "zoom"'),
    ),
    (
        [{**MAP, "location": {"latitude": "7", "longitude": 1}}],
        not_parsed("expected float"),
    ),
    (
        [paragraph({"type": "url", "text": "a", "url": 7})],
        "RICH_MESSAGE_URL_INVALID",
    ),
    ([paragraph("a\ud800")], "strings must be encoded in UTF-8"),
    (
        [paragraph({"type": "mention", "text": "@anna", "username": "anna"})],
        "RICH_VALIDATE_CTOR_NOT_ALLOWED",
    ),
    (
        [paragraph({"type": "url", "text": "a", "url": "javascript:alert(1)"})],
        "RICH_MESSAGE_URL_INVALID",
    ),
    (
        [paragraph({"type": "hashtag", "text": "#a", "hashtag": "a b"})],
        "RICH_MESSAGE_HASHTAG_INVALID",
    ),
    (
        [keys({"text": "a", "url": "javascript:alert(1)"})],
        "RICH_MESSAGE_URL_INVALID",
    ),
    ([PHOTO], "the stand-in takes no media in blocks of the bot"),
    ([keys(*[KEY] * 9)], "a block has 1 to 8 buttons"),
    ([keys({"text": "a", "callback_data": "я" * 33})], "BUTTON_DATA_INVALID"),
    ([keys({"text": "a"})], "Text buttons are unallowed"),
    ([keys({**KEY, "url": "https://a.b"})], "Text buttons are unallowed"),
    ([keys({**KEY, "style": "rainbow"})], "BUTTON_STYLE_INVALID"),
    (
        [keys({"text": "a", "url": "https://a.b", "style": "link"})],
        "BUTTON_STYLE_INVALID",
    ),
    ([keys({**KEY, "text": bold(1)})], not_parsed('type "bold" is unsupported')),
]


@pytest.mark.parametrize(("blocks", "error"), REFUSED)
def test_blocks_that_telegram_refuses_are_refused_with_its_words(blocks, error):
    with pytest.raises(RichMessageError) as caught:
        check_blocks(blocks)
    assert str(caught.value) == error


SEEN = {"blocks": [WORDS], "skip_entity_detection": True}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (None, "rich message must be non-empty"),
        ([WORDS], "rich message must be non-empty"),
        ({"is_rtl": True}, "rich message must be non-empty"),
        ({"blocks": [{"type": "thinking", "text": "a"}]}, "Block is not allowed"),
        ({"html": "<p>a</p>"}, "the stand-in takes blocks only, and no html"),
        ({**SEEN, "markdown": "a"}, "the stand-in takes blocks only, and no markdown"),
        ({**SEEN, "media": []}, "the stand-in takes blocks only, and no media"),
        (
            {**SEEN, "skip_entities": True},
            'can\'t parse InputRichMessage: field "skip_entities" is unknown',
        ),
    ],
)
def test_message_has_blocks_and_known_fields_only(message, error):
    with pytest.raises(RichMessageError) as caught:
        check_rich_message(message)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("имя@почта.рф", "EMAIL"),
        ("см. example.com", "URL"),
        ("см. ftp://a", "URL"),
        ("спроси @anna", "MENTION"),
        ("#зачёт", "HASHTAG"),
        ("акция $TSLA", "CASHTAG"),
        ("нажми /help", "BOT_COMMAND"),
        ("+7 900 123-45-67", "PHONE"),
        ("4111 1111 1111 1111", "BANK_CARD"),
    ],
)
def test_text_in_which_telegram_may_detect_something_needs_detection_off(text, code):
    message = {"blocks": [paragraph(["a ", {"type": "bold", "text": text}])]}
    with pytest.raises(RichMessageError) as caught:
        check_rich_message(message)
    assert str(caught.value) == f"RICH_MESSAGE_{code}_INVALID"
    check_rich_message({**message, "skip_entity_detection": True})
    check_rich_message(message, by_bot=False)


def test_text_without_anything_to_detect_needs_nothing():
    message = {"blocks": [paragraph("5 $ и 7 # за 2026-12-01, 1/2")], "is_rtl": True}
    assert check_rich_message(message) == message


def test_answer_has_the_labels_of_a_numbered_list():
    numbers = [numbered("1", value) for value in (3, None, 0)]
    answered = check_blocks([items(*numbers)])
    assert [each["label"] for each in answered[0]["items"]] == ["3.", "4.", "0."]


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (numbered("7", label="7."), "Invalid list item type specified"),
        (numbered("I"), not_parsed('Can\'t find field "label"')),
    ],
)
def test_received_list_has_labels_and_known_numbers(item, error):
    with pytest.raises(RichMessageError) as caught:
        check_blocks([items(item)], by_bot=False)
    assert str(caught.value) == error
    letters = [items(numbered("I", 4, label="IV."))]
    assert check_blocks(letters, by_bot=False) == letters


def test_thinking_block_is_a_drafts():
    blocks = [{"type": "thinking", "text": "a"}]
    assert check_blocks(blocks, is_draft=True) == blocks


def test_person_sends_media_up_to_their_number_and_mentions():
    mention = {"type": "mention", "text": "@anna", "username": "anna"}
    collage = {"type": "collage", "blocks": [PHOTO] * 50, "caption": {"text": mention}}
    labelled = items({"blocks": [WORDS], "label": "—"})
    assert check_blocks([collage, labelled], by_bot=False) == [collage, labelled]
    with pytest.raises(RichMessageError, match="RICH_MESSAGE_MEDIA_TOO_MANY"):
        check_blocks([collage, PHOTO], by_bot=False)


EVERY_TEXT = [
    {"type": "code", "text": "a"},
    {
        "type": "date_time",
        "text": "a",
        "unix_time": 1,
        "date_time_format": "r",
    },
    {"type": "text_mention", "text": "a", "user": {"id": 1}},
    {"type": "mention", "text": "@anna", "username": "anna"},
    {"type": "custom_emoji", "custom_emoji_id": "1", "alternative_text": "a"},
    {"type": "mathematical_expression", "expression": "a"},
    {"type": "url", "text": "a", "url": "mailto:a@b.c"},
    {"type": "email_address", "text": "a", "email_address": "a@b.c"},
    {"type": "phone_number", "text": "a", "phone_number": "+7 900 1"},
    {"type": "bank_card_number", "text": "a", "bank_card_number": "4111111111111111"},
    {"type": "hashtag", "text": "#a", "hashtag": "a"},
    {"type": "cashtag", "text": "$A", "cashtag": "A"},
    {"type": "bot_command", "text": "/a", "bot_command": "/a"},
    {"type": "button", "button": KEY},
    {"type": "anchor", "name": "a"},
    {"type": "anchor_link", "text": "a", "anchor_name": ""},
    {"type": "reference", "text": "a", "name": "a"},
    {"type": "reference_link", "text": "a", "reference_name": "a"},
]
CAPTION = {"text": "a", "credit": "b"}
EVERY_BLOCK = [
    paragraph(EVERY_TEXT),
    {"type": "heading", "text": "a", "size": 6},
    {"type": "pre", "text": "a", "language": "python"},
    {"type": "footer", "text": "a"},
    {"type": "divider"},
    {"type": "mathematical_expression", "expression": "a"},
    {"type": "anchor", "name": "a"},
    items(numbered("1", 3, label="3.", has_checkbox=True, is_checked=True)),
    nest(1, WORDS, type="blockquote", credit="a"),
    {"type": "expandable_blockquote", "text": "a", "credit": "b"},
    {"type": "pullquote", "text": "a", "credit": "b"},
    nest(1, PHOTO, type="collage", caption=CAPTION),
    nest(1, PHOTO, type="slideshow", caption=CAPTION),
    {
        **table([cell(is_header=True, rowspan=1, colspan=1), {**cell(), "text": ""}]),
        **dict.fromkeys(("is_bordered", "is_striped", "is_compact"), True),
        "caption": "a",
    },
    nest(1, WORDS, type="details", summary="a", is_open=True),
    {**MAP, "location": {"latitude": 55.7, "longitude": 37}, "caption": CAPTION},
    *(
        {"type": kind, kind: {"file_id": "a"}, "caption": CAPTION}
        for kind in ("audio", "document", "voice_note")
    ),
    *(
        {"type": kind, kind: {"file_id": "a"}, "has_spoiler": True}
        for kind in ("animation", "photo", "video")
    ),
    keys(KEY, align="center"),
]


def test_every_block_and_text_can_be_received():
    assert check_blocks(EVERY_BLOCK, by_bot=False) == EVERY_BLOCK
    kinds = {block["type"] for block in EVERY_BLOCK} | {"thinking"}
    assert kinds == set(BLOCKS)
    styles = {kind for kind, fields in TEXTS.items() if set(fields) == {"text"}}
    assert len(styles) == 9
    assert {text["type"] for text in EVERY_TEXT} | styles == set(TEXTS)


def test_words_of_a_message_keep_lines_rows_and_runs_of_text():
    blocks = [
        paragraph(["Ответ ", bold(2), ": ", EVERY_TEXT[5], [" ", EVERY_TEXT[13]]]),
        table([cell(), cell(text="b")], [cell()]),
        nest(1, WORDS, type="details", summary="s"),
        {**nest(1, WORDS, type="blockquote", credit="c"), "blocks": [WORDS, WORDS]},
        keys(KEY, KEY),
    ]
    words = "Ответ a: a a|a # b|a|s|a|a|a|c|a|a".replace("|", "\n").replace("#", "|")
    assert plain_text(blocks, "\n") == words


def test_nodes_are_found_at_any_depth():
    blocks = [details(3, paragraph(["a", EVERY_TEXT[3]])), keys(KEY)]
    assert find_nodes(blocks, "mention", "buttons") == [EVERY_TEXT[3], blocks[1]]
