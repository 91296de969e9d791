"""What a group asks about by a mention, and what leads from it into the private chat."""

from __future__ import annotations

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.conversation import NAMED, asked_texts, talk
from tests.bot.running_bot import (
    PHOTO,
    SOUND,
    RunningBot,
    add_live_model,
    rows,
    settings_of,
    with_media,
)
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional


@pytest.fixture
def anna(telegram, bot):
    return talk(telegram, bot)


@pytest.mark.parametrize(
    ("words", "question"), [("что здесь?", "что здесь?"), ("", "Подпись к снимку")]
)
def test_a_mention_under_somebodys_photo_asks_about_that_photo(
    telegram, provider, settings, words, question
):
    settings = with_media(settings)
    photo = Upload("a.png", "image/png", PHOTO)
    with RunningBot(settings):
        telegram.send_file("boris@study", photo, kind="photo", caption="Подпись к снимку")
        sent = telegram.log("study")[-1].message_id
        talk(telegram, settings).say(f"{NAMED} {words}".strip(), reply_to=sent)
    (content,) = [body for body in asked_texts(provider) if isinstance(body, list)]
    assert content[0]["text"] == question
    assert content[1]["image_url"]["url"].startswith("data:image/png")


def test_a_bare_mention_under_somebodys_voice_answers_what_it_says(telegram, provider, settings):
    provider.behave(fixed_transcript="Что такое лоб?")
    settings = with_media(settings)
    with RunningBot(settings):
        voice = Upload("a.oga", "audio/ogg", SOUND)
        telegram.send_file("boris@study", voice, kind="voice", seconds=2)
        sent = telegram.log("study")[-1].message_id
        answer = talk(telegram, settings).say(NAMED, reply_to=sent)
    assert answer.text.startswith("🎙 Что такое лоб?")
    assert asked_texts(provider) == ["Что такое лоб?"]


def test_an_answer_of_a_group_is_corrected_in_the_private_chat(anna, telegram, bot):
    anna.say(f"{NAMED} что такое лоб?")
    anna.press("✏️")
    (call,) = [one for one in telegram.calls("answerCallbackQuery") if "url" in one.arguments]
    _, _, payload = call.arguments["url"].partition(f"/{BOT_NAME}?start=")
    alone = talk(telegram, bot, "anna")
    assert alone.start(payload).text.startswith("Можно ли учить модель")
    assert "Напишите правильный ответ одним сообщением" in alone.press("consent:yes").text
    # The same link is nothing to anybody else.
    assert talk(telegram, bot, "boris").start(payload).text == "Это не ваш ответ."


def test_a_group_is_led_to_nothing_that_it_does_not_have(anna, telegram, provider):
    """Sessions are listed, opened again and given another model in the private chat alone."""
    provider.behave(context_window=150)
    assert anna.say("/t").keys == []
    full = anna.say(f"{NAMED} {'что такое лоб ' * 12}")
    assert [label for label in anna.labels if len(label) > 2] == [
        "Пересказать и продолжить",
        "Новый разговор",
    ]
    provider.behave(fixed_answer="Спросили, что такое лоб.", context_window=16_000)
    summed = anna.press("Пересказать и продолжить", full.message_id)
    assert "помнит этот пересказ" in summed.text
    assert summed.keys == []
    anna.say("/t")
    assert "Все разговоры" not in anna.labels
    assert "/sessions" not in "".join(one.text for one in telegram.answers("study"))
    assert "больше не помню" in anna.say("/new").text


def test_a_plan_that_is_used_up_in_a_group_is_looked_at_in_the_private_chat(
    tmp_path, telegram, provider
):
    plan = make_plan("free", {"ru": "Бесплатный", "en": "Free"}, {Format.TEXT: Allowance(day=0)})
    settings = settings_of(tmp_path, telegram, provider, plans=(plan,))
    add_live_model(settings, "stand-in-base")
    with RunningBot(settings):
        anna = talk(telegram, settings)
        anna.say(f"{NAMED} что такое лоб?")
        anna.press("plan")
    (call,) = telegram.calls("answerCallbackQuery")
    assert call.arguments["url"].endswith(f"/{BOT_NAME}?start=go_plan")


def test_personal_commands_lead_into_the_private_chat(anna, telegram):
    message = anna.say("/export")
    (button,) = [key for row in message.keys for key in row]
    assert button["url"] == f"https://t.me/{BOT_NAME}?start=go_export"
    assert not message.message.get("document")
    private = talk(telegram, anna.settings, "anna")
    assert "document" in private.start("go_export").message
    assert "Здравствуйте" in private.start("go_clear").text


def test_forged_personal_buttons_do_nothing_in_a_group(anna):
    answer = anna.say(f"{NAMED} что такое лоб?")
    for data in ("session-drop:1", "forget:2", "cancel", "own", "lang:en"):
        anna.press(data, answer.message_id, forged=True)
        assert anna.alerts()[-1] == "Это доступно только в личном чате со мной."
    assert rows(anna.settings, "SELECT COUNT(*) FROM turn") == [(1,)]
    assert anna.last.text == answer.text
