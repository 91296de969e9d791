"""Files in both directions, and getMe."""

from __future__ import annotations

import pytest
from telegram.error import BadRequest

from merlin.core.errors import Refused
from merlin.sandbox.telegram.arguments import Upload
from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def test_file_sent_by_a_person_can_be_downloaded(telegram, call):
    upload = Upload("конспект.pdf", "application/pdf", b"%PDF-1.7")
    telegram.send_file("anna", upload, caption="вот")

    async def act(bot):
        (update,) = await bot.get_updates()
        file = await bot.get_file(update.message.document.file_id)
        return update.message, bytes(await file.download_as_bytearray())

    message, content = call(act)
    assert (message.caption, message.document.file_name) == ("вот", "конспект.pdf")
    assert content == b"%PDF-1.7"


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


def test_album_is_several_messages_of_one_group(telegram, call):
    pages = [Upload(f"{page}.png", "image/png", b"\x89PNG" + bytes([page])) for page in range(3)]
    telegram.send_album("anna", pages, caption="конспект")
    messages = [update.message for update in call(lambda bot: bot.get_updates())]
    assert len({message.media_group_id for message in messages}) == 1
    assert [message.caption for message in messages] == ["конспект", None, None]


def test_empty_file_is_not_sent(telegram):
    with pytest.raises(Refused):
        telegram.send_file("anna", Upload("a.txt", "text/plain", b""))
    assert telegram.log("anna") == []


def test_bot_sends_files(telegram, call):
    async def act(bot):
        await bot.send_document(1001, b"a,b", filename="t.csv", caption="таблица")
        await bot.send_photo(1001, b"\x89PNG")

    call(act)
    kinds = [set(entry.message) & {"document", "photo"} for entry in telegram.log("anna")]
    assert kinds == [{"document"}, {"photo"}]


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
    assert fetch(f"{telegram.base_file_url}{telegram.token}/documents/no.bin")[0] == 404
    stranger = "1234567:" + "A" * 35
    assert fetch(f"{telegram.base_file_url}{stranger}/documents/no.bin")[0] == 401


def test_bot_reports_its_abilities(call):
    me = call(lambda bot: bot.get_me())
    assert (me.can_join_groups, me.can_read_all_group_messages) == (True, False)
    assert (me.supports_inline_queries, me.has_topics_enabled) == (True, False)
