"""Files both ways, menus of commands, and what the bot says of itself."""

from __future__ import annotations

import pytest
from telegram import BotCommand, BotCommandScopeChat
from telegram.error import BadRequest
from telegram_client import fetch

from merlin.sandbox.telegram.arguments import Upload

pytestmark = pytest.mark.functional


def test_what_a_person_sends_can_be_downloaded(telegram_up, ask):
    upload = Upload("конспект.pdf", "application/pdf", b"%PDF-1.7")
    telegram_up.send_file("anna", upload, caption="вот")

    async def act(bot):
        (update,) = await bot.get_updates()
        file = await bot.get_file(update.message.document.file_id)
        return update.message, bytes(await file.download_as_bytearray())

    message, content = ask(act)
    assert (message.caption, message.document.file_name) == ("вот", "конспект.pdf")
    assert content == b"%PDF-1.7"


def test_voices_and_photos_have_their_fields(telegram_up, ask):
    telegram_up.send_file("anna", Upload("v.oga", "audio/ogg", b"OggS"), kind="voice", seconds=7)
    telegram_up.send_file("anna", Upload("p.png", "image/png", b"\x89PNG"), kind="photo")
    voice, photo = (update.message for update in ask(lambda bot: bot.get_updates()))
    assert (voice.voice.duration.seconds, voice.voice.mime_type) == (7, "audio/ogg")
    assert photo.photo[0].file_size == 4


def test_the_bot_sends_files_new_and_by_id(telegram_up, ask):
    async def act(bot):
        sent = await bot.send_document(1001, b"a,b", filename="t.csv", caption="таблица")
        again = await bot.send_document(1003, sent.document.file_id)
        await bot.send_photo(1001, b"\x89PNG")
        await bot.send_voice(1001, b"OggS", duration=3)
        return sent, again

    sent, again = ask(act)
    assert sent.document.file_id == again.document.file_id
    kinds = [set(one.message) & {"document", "photo", "voice"} for one in telegram_up.log("anna")]
    assert kinds == [{"document"}, {"photo"}, {"voice"}]


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda bot: bot.send_document(1001, "no-such-id"), "Wrong remote file identifier"),
        (lambda bot: bot.send_document(1001, b"a", caption="я" * 1025), "caption is too long"),
        (lambda bot: bot.get_file("no-such-id"), "Invalid file_id"),
    ],
)
def test_files_that_telegram_refuses(ask, act, words):
    with pytest.raises(BadRequest, match=words):
        ask(act)


def test_a_file_over_20_megabytes_cannot_be_downloaded(telegram_up, ask):
    big = Upload("big.bin", "application/octet-stream", bytes(20 * 1024 * 1024 + 1))
    telegram_up.send_file("anna", big)
    file_id = telegram_up.log("anna")[0].message["document"]["file_id"]
    with pytest.raises(BadRequest, match="File is too big"):
        ask(lambda bot: bot.get_file(file_id))


def test_a_download_needs_the_token_and_a_real_path(telegram_up):
    assert fetch(f"{telegram_up.base_file_url}{telegram_up.token}/documents/no.bin")[0] == 404
    stranger = "1234567:" + "A" * 35
    assert fetch(f"{telegram_up.base_file_url}{stranger}/documents/no.bin")[0] == 401


def test_commands_are_kept_by_scope_and_language(ask):
    async def act(bot):
        await bot.set_my_commands([BotCommand("help", "Помощь")], language_code="ru")
        admin = BotCommandScopeChat(1003)
        await bot.set_my_commands([BotCommand("admin", "Admin")], scope=admin)
        told = [await bot.get_my_commands(language_code="ru"), await bot.get_my_commands(admin)]
        await bot.delete_my_commands(language_code="ru")
        return [*told, await bot.get_my_commands(language_code="ru")]

    russian, admin, gone = ask(act)
    assert [command.command for command in (*russian, *admin)] == ["help", "admin"]
    assert gone == ()


def test_a_bad_command_is_refused(ask):
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        ask(lambda bot: bot.set_my_commands([("Помощь", "x")]))


def test_descriptions_are_taken(ask):
    assert ask(lambda bot: bot.set_my_description("Merlin")) is True
    assert ask(lambda bot: bot.set_my_short_description("Merlin")) is True
