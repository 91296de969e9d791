"""/preset and /system: system prompts of a session, set and removed."""

from dataclasses import replace

import pytest

from merlin.chat.sessions import PAIR_LENGTH, PROMPT_LENGTH
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    PHOTO,
    TRANSCRIPTION,
    bot_settings,
    count_updates_by_state,
    russian_text,
    select_rows,
)

pytestmark = pytest.mark.functional

CHAT = "stand-in-chat"


@pytest.fixture
def settings(settings):
    return replace(settings, assistant=("chat", CHAT), transcription=TRANSCRIPTION)


def newest_request(provider):
    """Return the model and the messages' texts of the newest request."""
    body = provider.calls("chat.create")[-1].body
    return body["model"], [message["content"] for message in body["messages"]]


def read_session(settings):
    """Return the preset and the encrypted instruction of the open session."""
    query = "SELECT preset, system FROM chat_session WHERE is_open = 1"
    return select_rows(settings, query)


def test_translator_preset_asks_for_languages_and_translates(anna, provider):
    anna.say("/preset")
    assert anna.labels[:3] == [
        "Переводчик",
        "Пересказ текста",
        "Запись и пересказ голоса",
    ]
    anna.press("preset:set:translator")
    assert "Между какими языками" in anna.last.text
    anna.press("preset:pair:ru-en")
    assert "Пресет включён: Переводчик." in anna.last.text
    assert (
        "[not translated, the source text] Good morning"
        in anna.say("Good morning").text
    )
    model, (prompt, *_) = newest_request(provider)
    assert model == CHAT
    assert "русский ↔ английский" in prompt
    ((preset, _),) = read_session(anna.settings)
    assert preset == "translator"


def test_summary_preset_sends_its_instruction_to_the_assistant(anna, provider):
    anna.say("/preset")
    anna.press("Пересказ текста")
    assert russian_text("presets-how-summary") in anna.last.text
    anna.say("Лоб бывает прямым. Лоб бывает скошенным. Это видно в профиль.")
    model, (prompt, _) = newest_request(provider)
    assert (model, prompt) == (CHAT, russian_text("preset-prompt-summary"))
    ((preset, _),) = read_session(anna.settings)
    assert preset == "summary"


def test_new_session_keeps_earlier_settings_and_lists_them(anna):
    assert "Действуют прежние настройки:" not in anna.say("/new").text
    anna.say("/system Говори стихами")
    anna.say("Что такое лоб?")
    assert anna.say("/new").text.endswith(
        "Действуют прежние настройки: ваша инструкция (/system)."
    )
    anna.say("/preset")
    anna.press("Переводчик")
    anna.press("русский ↔ английский")
    anna.say("/model")
    anna.press(anna.find_button("no-such-base"))
    anna.say("Что такое лоб?")
    text = anna.say("/clear").text
    assert text.endswith("модель no-such-base (/model); пресет «Переводчик» (/preset).")


def test_own_system_prompt_is_set_shown_and_removed(anna, provider):
    assert "У этого разговора нет своей инструкции." in anna.say("/system").text
    anna.say("/system Отвечай стихами.\nКоротко.")
    anna.say("Что такое лоб?")
    assert newest_request(provider)[1][0] == "Отвечай стихами.\nКоротко."
    message = anna.say("/system")
    assert message.text.endswith("Отвечай стихами.\nКоротко.")
    assert message.entities[0]["type"] == "expandable_blockquote"
    anna.press("system:clear")
    anna.say("А нос?")
    assert newest_request(provider)[0] == "stand-in-base"


def test_system_prompt_can_be_typed_after_the_button(anna, provider):
    anna.say("/system")
    assert "Паролей и ключей не пишите" in anna.press("system:set").text
    anna.say("Отвечай по-английски.")
    anna.say("Как дела у носа?")
    assert newest_request(provider)[1][0] == "Отвечай по-английски."


def test_too_long_prompt_is_refused(anna):
    assert "не длиннее 4 000 знаков" in anna.say(
        "/system " + "я" * (PROMPT_LENGTH + 1)
    ).text.replace("\xa0", " ")
    assert read_session(anna.settings) == []
    refusal = anna.send(PHOTO, "a.png", "image/png", kind="photo").text
    assert refusal.startswith("Здесь подходит только текст.")
    # The prompt that was asked for instead is no question.
    assert anna.say("Другая.").text.startswith("Сохранено")


def test_system_prompt_split_by_the_client_is_refused_whole(anna, telegram, provider):
    telegram.paste("anna", "/system " + "Отвечай стихами. " * 300)
    telegram.wait_for(lambda: count_updates_by_state(anna.settings) == {"answered": 2})
    assert "слишком длинно: 5 099" in anna.last.text.replace("\xa0", " ")
    assert len(telegram.answers("anna")) == 1
    assert provider.calls("chat.create") == []


def test_other_pair_of_languages_is_typed(anna, provider):
    anna.say("/preset")
    anna.press("preset:set:translator")
    assert anna.press("preset:pair:other").text == russian_text("presets-pair-type")
    assert "не длиннее" in anna.say("я" * (PAIR_LENGTH + 1)).text
    assert "Пресет включён: Переводчик." in anna.say("русский —\nнемецкий").text
    anna.say("Guten Tag")
    assert "русский — немецкий" in newest_request(provider)[1][0]


def test_unknown_preset_is_refused(anna):
    anna.say("/preset")
    anna.press("preset:set:poet", forged=True)
    assert anna.alerts() == [russian_text("presets-not-found")]
    assert read_session(anna.settings) == [("", "")]


def test_without_any_model_nothing_can_be_chosen(tmp_path, telegram):
    settings = bot_settings(tmp_path, telegram)
    with ChatUser.of_running_bot(telegram, settings) as anna:
        no_model = russian_text("presets-no-model")
        assert anna.say("/system Говори стихами").text == no_model
        anna.say("/preset")
        anna.press("preset:set:translator")
        assert anna.press("preset:pair:ru-en").text == no_model
        assert read_session(settings) == [("", "")]
        assert anna.say("/model").text == russian_text("models-none")
        assert anna.say("/course").text == russian_text("courses-none-yet")
