"""Basic commands: /info, language, time zone, the end of a dialog, menus."""

import json
from dataclasses import replace

import pytest

from merlin.bot.commands import MENU
from merlin.sandbox.telegram.world import VERA
from tests.bot.running_bot import (
    RunningBot,
    bot_settings,
    call_bot_api,
    russian_text,
    select_rows,
)
from tests.support.faults import Fault, FaultKind

pytestmark = pytest.mark.functional


@pytest.fixture
def settings(settings):
    return replace(settings, admins=(VERA.person_id,))


def test_info_shows_model_session_and_times_in_the_users_zone(anna):
    anna.say("/lang")
    anna.press("Часовой пояс")
    anna.say("Vladivostok")
    text = anna.say("/info").text
    assert "Обучена 20 ноября, 18:30" in text
    assert "отвечает с 20 ноября, 18:30" in text
    assert "• отвечает neurotypology-1" in text
    own = russian_text("bot-info-session-own", name="yes")
    assert own not in text
    anna.say("/system Говори стихами")
    assert own in anna.say("/info").text


def test_chosen_language_applies_at_once_and_overrides_the_client(anna):
    anna.say("/lang")
    english = anna.press("English")
    assert english.text.startswith("Which language should I answer in? Your time now:")
    assert anna.alerts() == ["I speak English now"]
    assert anna.say("/start").text.startswith("Hi, I'm Merlin")
    anna.say("/lang")
    anna.press("As in Telegram")
    assert anna.say("/start").text.startswith("Здравствуйте!")


def test_time_zone_is_typed_in_any_case_and_invalid_input_is_asked_for_again(anna):
    anna.say("/lang")
    anna.press("Часовой пояс")
    for nonsense in ("../etc/passwd", "Москва\0", "Europe", "Ы" * 300):
        assert (
            "Не знаю такого часового пояса. Например: Asia/Tbilisi или Europe/Belgrade"
            in anna.say(nonsense).text
        )
    assert anna.say("asia/tbilisi").text.startswith(
        "Часовой пояс сохранён: Asia/Tbilisi."
    )
    assert select_rows(anna.settings, "SELECT zone FROM person") == [("Asia/Tbilisi",)]
    assert select_rows(anna.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_command_menus_are_set_in_each_language_for_chats_and_groups(anna, telegram):
    telegram.wait_for(lambda: len(telegram.calls("setMyCommands")) >= 6)
    russian, english, in_group = (
        {each["command"]: each["description"] for each in telegram.menu(who)}
        for who in ("anna", 5001, "anna@study")
    )
    assert list(russian) == list(MENU)
    assert "help" in in_group
    assert "privacy" not in in_group
    assert russian["new"] == "новый разговор"
    assert english["new"] == "a new conversation"


def test_first_contact_says_that_a_program_answers(anna, telegram):
    telegram.wait_for(lambda: len(telegram.calls("setMyShortDescription")) >= 3)
    for call in telegram.calls("setMyDescription"):
        is_english = call.body.get("language_code") == "en"
        words = "not a person" if is_english else "не с человеком"
        assert words in call.body["description"]
    assert "программа, а не человек" in anna.say("/start").text


def test_description_that_the_owner_wrote_stays(tmp_path, telegram):
    call_bot_api(telegram, "setMyDescription?description=Mine&language_code=ru")
    with RunningBot(bot_settings(tmp_path, telegram)):
        telegram.wait_for(lambda: len(telegram.calls("setMyShortDescription")) >= 3)
    described = [
        call.body.get("language_code") for call in telegram.calls("setMyDescription")
    ]
    assert sorted(described) == ["", "en", "ru"]
    assert telegram.calls("setMyDescription")[0].body["description"] == "Mine"


def test_menu_button_opens_the_course_page(tmp_path, telegram):
    settings = bot_settings(tmp_path, telegram, public_url="https://merlin.example.com")
    # A refused setting is not sent again, and the others are.
    telegram.faults.add(
        Fault("setMyCommands", FaultKind.STATUS, times=None, status=400)
    )
    with RunningBot(settings):
        telegram.wait_for(lambda: telegram.calls("setChatMenuButton"))
    (call,) = telegram.calls("setChatMenuButton")
    button = json.loads(call.body["menu_button"])
    assert button == {
        "type": "web_app",
        "text": "Курсы",
        "web_app": {"url": "https://merlin.example.com"},
    }
