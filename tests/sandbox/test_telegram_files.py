"""Files in both directions, and getMe."""

import pytest
from telegram.error import BadRequest

from merlin.core.errors import Refused
from merlin.sandbox.telegram.arguments import Upload
from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def test_voices_and_photos_have_their_fields(telegram, call):
    telegram.send_file("anna", Upload("v.oga", "audio/ogg", b"OggS"), kind="voice", seconds=7)
    telegram.send_file("anna", Upload("p.png", "image/png", PIXELS), kind="photo")
    telegram.send_file("anna", Upload("n.mp4", "video/mp4", b"ftyp"), kind="video_note", seconds=5)
    voice, photo, note = (update.message for update in call(lambda bot: bot.get_updates()))
    assert (voice.voice.duration.seconds, voice.voice.mime_type) == (7, "audio/ogg")
    assert [(size.width, size.height) for size in photo.photo] == [(90, 30), (300, 100)]
    assert telegram.download(photo.photo[-1].file_id) == PIXELS
    assert (note.video_note.duration.seconds, note.video_note.file_size) == (5, 4)


# The first bytes of a PNG of 300 x 100 pixels.
PIXELS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (300).to_bytes(4, "big") + (100).to_bytes(4, "big")


def test_picture_other_than_png_has_the_default_size(telegram, call):
    telegram.send_file("anna", Upload("a.gif", "image/gif", b"GIF89a"), kind="photo")
    (update,) = call(lambda bot: bot.get_updates())
    largest = update.message.photo[-1]
    assert (largest.width, largest.height) == (640, 480)


def test_empty_file_is_not_sent(telegram):
    with pytest.raises(Refused):
        telegram.send_file("anna", Upload("a.txt", "text/plain", b""))
    assert telegram.log("anna") == []


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda bot: bot.send_document(1001, "no-such-id"), "There is no document in the request"),
        (lambda bot: bot.send_document(1001, b"a", caption="я" * 1025), "caption is too long"),
        (lambda bot: bot.get_file("no-such-id"), "Invalid file_id"),
    ],
)
def test_file_that_telegram_refuses_is_refused(call, act, message):
    with pytest.raises(BadRequest, match=message):
        call(act)


def test_file_over_20_megabytes_cannot_be_downloaded(telegram, call):
    big = Upload("big.bin", "application/octet-stream", bytes(20 * 1024 * 1024 + 1))
    telegram.send_file("anna", big)
    file_id = telegram.log("anna")[0].message["document"]["file_id"]
    with pytest.raises(BadRequest, match="File is too big"):
        call(lambda bot: bot.get_file(file_id))


def test_download_needs_the_token_and_an_existing_path(telegram):
    assert fetch(f"{telegram.page_url}file/bot{telegram.token}/documents/no.bin")[0] == 404
    stranger = "1234567:" + "A" * 35
    assert fetch(f"{telegram.page_url}file/bot{stranger}/documents/no.bin")[0] == 401


def test_bot_reports_its_abilities(call):
    me = call(lambda bot: bot.get_me())
    assert (me.can_join_groups, me.can_read_all_group_messages) == (True, False)
    assert (me.supports_inline_queries, me.has_topics_enabled) == (False, False)
