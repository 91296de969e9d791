"""/preset and /system: roles that a session is put under, saved under names, taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merlin.chat.sessions import MAX_OWN_PRESETS, PROMPT_LENGTH, OwnPresets
from merlin.config.settings import ModelChoice, Preset
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from tests.bot.conversation import Talk
from tests.bot.running_bot import RunningBot, add_live_model, rows, settings_of, states
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional

CHAT = "stand-in-chat"
ANNA = 1001
TUTOR = Preset(title={"ru": "Репетитор", "en": "Tutor"}, prompt="Ask one question at a time.")
PRICEY = Preset(
    title={"ru": "Дорогой", "en": "Pricey"},
    prompt="Be short.",
    model=ModelChoice(provider="chat", model=CHAT),
)


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = settings_of(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base")
    hears = ("chat", "stand-in-transcribe")
    return replace(
        settings,
        assistant=("chat", CHAT),
        transcription=hears,
        presets={"tutor": TUTOR, "pricey": PRICEY},
    )


@pytest.fixture
def talk(telegram, settings):
    with RunningBot(settings):
        yield Talk(telegram, settings)


def newest_call(provider):
    """Return model and messages of the newest call."""
    body = provider.calls("chat.create")[-1].body
    return body["model"], body["messages"]


def sessions(settings, what="preset"):
    asked_for = f"SELECT {what} FROM chat_session WHERE is_open = 1"  # noqa: S608 - our own names
    return [row[0] for row in rows(settings, asked_for)]


def with_presets(settings, work):
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        return work(OwnPresets(database))


def save(talk, name, prompt="Отвечай стихами."):
    talk.say(f"/system {prompt}")
    talk.press("system:save")
    return talk.say(name)


def test_a_translator_is_asked_for_its_languages_and_translates(talk, provider):
    talk.say("/preset")
    assert talk.labels[:3] == ["Переводчик", "Пересказ текста", "Запись и пересказ голоса"]
    talk.press("preset:set:translator")
    assert "Между какими языками" in talk.last.text
    talk.press("preset:pair:ru-en")
    assert "Пресет включён: Переводчик." in talk.last.text
    assert "[not translated, the source text] Good morning" in talk.say("Good morning").text
    model, messages = newest_call(provider)
    assert model == CHAT
    assert "русский ↔ английский" in messages[0]["content"]
    assert sessions(talk.settings) == ["translator"]


def test_other_languages_are_typed(talk, provider):
    talk.say("/preset")
    talk.press("preset:set:translator")
    talk.press("preset:pair:other")
    assert "пару языков одной строкой" in talk.say("я" * 61).text
    talk.say("русский —\nказахский")
    talk.say("Доброе утро")
    assert "Языки: русский — казахский." in newest_call(provider)[1][0]["content"]


def test_what_was_chosen_goes_on_in_a_new_session_and_that_is_said(talk):
    assert "Действуют прежние настройки:" not in talk.say("/new").text
    talk.say("/system Говори стихами")
    talk.say("Что такое лоб?")
    assert talk.say("/new").text.endswith("Действуют прежние настройки: ваша инструкция (/system).")
    talk.say("/preset")
    talk.press("Переводчик")
    talk.press("русский ↔ английский")
    talk.say("/model")
    talk.press(talk.behind("no-such-base"))
    talk.say("Что такое лоб?")
    text = talk.say("/clear").text
    assert text.endswith("модель no-such-base (/model); пресет «Переводчик» (/preset).")


def test_a_deleted_preset_leaves_a_text_without_a_name(talk):
    talk.say("/system Говори стихами")
    assert talk.say("/system").text.startswith("Инструкция этого разговора:\n\nГовори")


def test_a_text_is_summarised(talk, provider):
    talk.say("/preset")
    talk.press("preset:set:summary")
    assert "Первое." in talk.say("Первое. Второе. Третье. Четвёртое. Пятое.").text
    assert "Перескажи кратко" in newest_call(provider)[1][0]["content"]


def test_the_voice_preset_says_what_to_send(talk):
    talk.say("/preset")
    assert "голосовое сообщение" in talk.press("preset:set:voice").text
    assert sessions(talk.settings) == ["voice"]


def test_without_who_hears_the_voice_preset_is_not_there(telegram, settings):
    with RunningBot(replace(settings, transcription=None)):
        talk = Talk(telegram, settings)
        talk.say("/preset")
        assert talk.labels[:3] == ["Переводчик", "Пересказ текста", "Репетитор"]
        talk.press("preset:set:voice", forged=True)
    assert sessions(settings) == [""]


def test_the_operators_presets_are_on_offer_with_their_own_model(talk, provider):
    talk.say("/preset")
    talk.press(talk.behind("Репетитор"))
    talk.say("Начнём")
    assert newest_call(provider)[1][0] == {"role": "system", "content": TUTOR.prompt}
    talk.say("/preset")
    talk.press(talk.behind("Дорогой"))
    assert sessions(talk.settings, "model_id") == [CHAT]
    talk.press("preset:off")
    assert sessions(talk.settings, "model_id") == [None]
    talk.say("Снова как всегда")
    assert newest_call(provider)[0] == "stand-in-base"


def test_a_preset_whose_model_is_not_in_the_plan_is_refused(telegram, settings):
    with RunningBot(replace(settings, plans=(make_plan("free", models=("ft:*",)),))):
        talk = Talk(telegram, settings)
        talk.say("/preset")
        talk.press(talk.behind("Дорогой"))
        assert talk.alerts() == ["Модель этого пресета не входит в ваш план."]
    assert sessions(settings) == [""]


def test_an_own_system_text_is_set_shown_saved_and_taken_away(talk, provider):
    assert "У этого разговора нет своей инструкции." in talk.say("/system").text
    talk.say("/system Отвечай стихами.\nКоротко.")
    talk.say("Что такое лоб?")
    assert newest_call(provider)[1][0]["content"] == "Отвечай стихами.\nКоротко."
    message = talk.say("/system")
    assert message.text.endswith("Отвечай стихами.\nКоротко.")
    assert message.entities[0]["type"] == "expandable_blockquote"
    talk.press("system:save")
    assert "Сохранено: Поэт." in talk.say("Поэт").text
    talk.say("/system")
    talk.press("system:clear")
    talk.say("А нос?")
    assert newest_call(provider)[0] == "stand-in-base"
    talk.say("/preset")
    talk.press(talk.behind("Поэт"))
    talk.say("А ухо?")
    assert newest_call(provider)[1][0]["content"] == "Отвечай стихами.\nКоротко."


def test_a_system_text_may_be_typed_after_the_question_for_it(talk, provider):
    talk.say("/system")
    assert "Паролей и ключей не пишите" in talk.press("system:set").text
    talk.say("Отвечай по-английски.")
    talk.say("Привет")
    assert newest_call(provider)[1][0]["content"] == "Отвечай по-английски."


def test_waiting_for_a_text_can_be_cancelled(talk, provider):
    talk.say("/system")
    talk.press("system:set")
    talk.press("cancel")
    talk.say("Что такое лоб?")
    assert newest_call(provider)[0] == "stand-in-base"


def test_what_people_save_is_sealed(talk):
    save(talk, "Тайна", "Никому не говори.")
    ((name, prompt),) = rows(talk.settings, "SELECT name, prompt FROM preset")
    assert "Тайна" not in name
    assert "Никому" not in prompt
    (found,) = with_presets(talk.settings, lambda presets: presets.of(ANNA))
    assert (found.name, found.prompt) == ("Тайна", "Никому не говори.")


def test_the_same_name_takes_the_place_of_the_old_text(talk):
    save(talk, "Поэт", "Раз.")
    save(talk, "Поэт", "Два.")
    assert [each.prompt for each in with_presets(talk.settings, lambda rows_: rows_.of(ANNA))] == [
        "Два."
    ]


def test_too_long_texts_and_names_and_too_many_presets_are_refused_clearly(talk):
    assert "не длиннее 4 000 знаков" in talk.say(
        "/system " + "я" * (PROMPT_LENGTH + 1)
    ).text.replace("\xa0", " ")
    assert sessions(talk.settings, "system") == []
    with_presets(
        talk.settings,
        lambda presets: [
            presets.put(ANNA, f"п{number}", "Да.") for number in range(MAX_OWN_PRESETS)
        ],
    )
    talk.say("/system Ещё один.")
    talk.press("system:save")
    assert "не длиннее 40 знаков" in talk.say("и" * 41).text
    assert "У вас уже 20 своих пресетов" in talk.say("Лишний").text
    assert len(with_presets(talk.settings, lambda presets: presets.of(ANNA))) == MAX_OWN_PRESETS


def test_a_pasted_text_that_the_client_split_is_refused_whole(talk, telegram, provider):
    telegram.paste("anna", "/system " + "Отвечай стихами. " * 300)
    telegram.wait_for(lambda: states(talk.settings) == {"answered": 2})
    assert "а в этой 5 099" in talk.last.text.replace("\xa0", " ")
    assert len(telegram.answers("anna")) == 1
    assert provider.calls("chat.create") == []


def test_an_own_preset_is_deleted_after_a_second_question(talk):
    save(talk, "Поэт")
    talk.say("/preset")
    talk.press(talk.behind("Поэт"))
    talk.press(talk.behind("Удалить"))
    assert "Удалить пресет «Поэт»?" in talk.last.text
    talk.press(talk.behind("Да, удалить"))
    assert "удалён" in talk.last.text
    assert with_presets(talk.settings, lambda presets: presets.of(ANNA)) == []


@pytest.mark.parametrize("verb", ["own", "drop", "dropped"])
def test_somebody_elses_preset_is_neither_shown_nor_deleted(talk, verb):
    mine = with_presets(talk.settings, lambda presets: presets.put(777, "Чужой", "Чужой текст."))
    message = talk.say("/preset")
    assert "Чужой" not in talk.labels
    talk.press(f"preset:{verb}:{mine.preset_id}", forged=True)
    assert talk.alerts() == ["Пресет не найден. Откройте список ещё раз: /preset"]
    assert talk.last.text == message.text
    assert sessions(talk.settings) == [""]
    assert with_presets(talk.settings, lambda presets: presets.of(777)) == [mine]


@pytest.mark.parametrize(
    "data",
    ["preset:set", "preset:set:no", "preset:own:x", "preset:pair:zz:1", "system:x", "preset:zz"],
)
def test_made_up_data_puts_nothing_over_the_session(talk, data):
    talk.say("/preset")
    talk.press(data, forged=True)
    assert sessions(talk.settings) == [""]
    assert sessions(talk.settings, "system") == [""]


def test_without_any_provider_that_is_said(telegram, tmp_path):
    bare = settings_of(tmp_path, telegram)
    with RunningBot(bare):
        talk = Talk(telegram, bare)
        talk.say("/preset")
        assert "не подключена" in talk.press("preset:set:summary").text
    assert sessions(bare, "system") == [""]
