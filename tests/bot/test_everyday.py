"""Basic commands: /start, /help, /about, language, time zone, plan, menus."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from merlin.account.users import Roles
from merlin.bot.commands import COMMANDS, HELP_GROUPS, MENU
from merlin.core.clock import iso
from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.db.tables import COURSE
from merlin.sandbox.telegram.world import ANNA, BORIS, VERA
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import AT, RunningBot, add_live_model, bot_settings, select_rows
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = bot_settings(tmp_path, telegram, provider, admins=(VERA.person_id,))
    add_live_model(settings, "stand-in-base")
    return settings


@pytest.fixture
def group_chat(telegram, settings):
    with RunningBot(settings):
        yield ChatUser(telegram, settings)


def test_help_names_every_command_of_the_menu_once_and_in_groups(group_chat, telegram):
    text = group_chat.say("/help").text
    for name in MENU:
        assert text.count(f"/{name} —") == 1
    assert "Разговоры\n/new — новый разговор" in text
    assert "/admin" not in text
    vera = ChatUser(telegram, group_chat.settings, "vera")
    help_message = vera.say("/help")
    assert "/admin — " in help_message.text
    heads = [
        help_message.text[entity["offset"] :][: entity["length"]]
        for entity in help_message.entities
    ]
    assert "Разговоры" in heads
    assert "Для команды" in heads


def test_what_help_groups_are_commands():
    named = {name for _, names in HELP_GROUPS for name in names}
    assert named <= set(COMMANDS)


def give_teacher(settings, slug):
    course = {
        "slug": slug,
        "semester": 2,
        "name_ru": "Нейротипология",
        "name_en": "Neurotypology",
        "description_ru": "",
        "description_en": "",
        "is_active": 1,
        "indexed_at": iso(AT),
    }
    with open_database(settings.database) as database, database.atomic():
        database.add(COURSE, course)


def test_a_link_to_a_course_begins_a_session_about_it(group_chat):
    give_teacher(group_chat.settings, "neurotypology")
    text = group_chat.start("course_neurotypology").text
    assert text.startswith("Здравствуйте!")
    assert "«Нейротипология»" in text
    assert select_rows(group_chat.settings, "SELECT dataset FROM chat_session") == [
        ("neurotypology",)
    ]


def test_any_other_link_is_greeted_kindly_and_changes_nothing(group_chat):
    for payload in ("", "ref_17", "course_nosuch", "login_", "course_", "nonsense"):
        assert group_chat.start(payload).text.startswith("Здравствуйте!")
    assert {
        dataset
        for (dataset,) in select_rows(group_chat.settings, "SELECT dataset FROM chat_session")
    } <= {None}


def test_info_tells_of_models_the_session_and_times_in_the_persons_zone(group_chat):
    group_chat.say("/lang")
    group_chat.press("Часовой пояс")
    group_chat.press("Владивосток")
    text = group_chat.say("/info").text
    assert "Обучена 20 ноября, 18:30" in text
    assert "отвечает с 20 ноября, 18:30" in text
    assert "По сравнению" not in text
    assert "• отвечает neurotypology-1" in text


def test_info_compares_a_model_with_the_one_before_on_the_same_questions_alone(group_chat):
    add_live_model(group_chat.settings, "stand-in-better", number=2)
    with open_database(group_chat.settings.database) as database:
        for number in (1, 2):
            insert_example(database, "нос", number=number, split="test")
        assert "По сравнению с neurotypology-1: +0,0" in group_chat.say("/info").text
        insert_example(database, "лоб", number=2, split="test")
        text = group_chat.say("/info").text
    assert "Тест, 12 вопросов" in text
    assert "По сравнению" not in text


def test_an_admin_writes_what_info_says_and_it_is_noted_who_did(group_chat, telegram):
    vera = ChatUser(telegram, group_chat.settings, "vera")
    vera.say("/info")
    vera.press("✏️ Тексты бота")
    vera.press("/info · ru")
    assert "Пришлите новый текст" in vera.last.text
    vera.say("Кафедра психофизиологии, ауд. 305")
    assert "Кафедра психофизиологии, ауд. 305" in group_chat.say("/info").text
    vera.say("/info")
    vera.press("own:info:ru", vera.last.message_id, forged=True)
    vera.press("Убрать этот текст")
    assert "Кафедра" not in group_chat.say("/info").text
    noted = select_rows(
        group_chat.settings, "SELECT by_whom, target FROM audit WHERE action = 'setting.put'"
    )
    assert noted == [(f"user:{VERA.person_id}", "setting:info.ru")] * 2


def test_a_text_that_is_too_long_is_asked_for_anew(group_chat, telegram):
    vera = ChatUser(telegram, group_chat.settings, "vera")
    vera.say("/info")
    vera.press("✏️ Тексты бота")
    vera.press("/terms · en")
    assert "не длиннее" in vera.say("Слово " * 300).text
    assert select_rows(
        group_chat.settings, "SELECT COUNT(*) FROM setting WHERE by_whom <> 'bot'"
    ) == [(0,)]


def test_nobody_else_writes_the_texts(group_chat):
    message = group_chat.say("/info")
    assert message.keys == []
    for data in ("own", "own:info:ru", "own-drop:info:ru"):
        group_chat.press(data, message.message_id, forged=True)
    assert group_chat.alerts() == ["Эта кнопка больше не действует."] * 3
    group_chat.say("Мой текст")
    assert select_rows(
        group_chat.settings, "SELECT COUNT(*) FROM setting WHERE by_whom <> 'bot'"
    ) == [(0,)]


def test_the_language_chosen_counts_at_once_and_over_that_of_the_client(group_chat):
    group_chat.say("/lang")
    english = group_chat.press("English")
    assert english.text.startswith("Which language should I answer in? Your time now:")
    assert group_chat.alerts() == ["I speak English now"]
    assert group_chat.say("/start").text.startswith("Hi, I'm Merlin")
    group_chat.say("/lang")
    group_chat.press("As in Telegram")
    assert group_chat.say("/start").text.startswith("Здравствуйте!")


def test_a_zone_is_typed_by_its_name_in_any_case_and_nonsense_is_asked_anew(group_chat):
    group_chat.say("/lang")
    group_chat.press("Часовой пояс")
    group_chat.press("Другой")
    for nonsense in ("../etc/passwd", "Москва\0", "Europe", "Ы" * 300):
        assert (
            "Не знаю такого часового пояса. Например: Asia/Tbilisi или Europe/Belgrade"
            in group_chat.say(nonsense).text
        )
    assert group_chat.say("asia/tbilisi").text.startswith("Часовой пояс сохранён: Asia/Tbilisi.")
    assert select_rows(group_chat.settings, "SELECT zone FROM users") == [("Asia/Tbilisi",)]
    assert select_rows(group_chat.settings, "SELECT COUNT(*) FROM dialog") == [(0,)]


def test_a_command_leaves_a_dialog_so_that_the_next_words_are_a_question(group_chat, provider):
    group_chat.say("/lang")
    group_chat.press("Часовой пояс")
    group_chat.press("Другой")
    group_chat.say("/new")
    group_chat.say("Что такое лоб?")
    assert len(provider.calls("chat.create")) == 1


def test_forged_choices_change_nothing(group_chat):
    message = group_chat.say("/lang")
    for data in ("lang:de", "zone:0", "zone:99", "zone:Europe/Moscow", "zone"):
        group_chat.press(data, message.message_id, forged=True)
    assert select_rows(group_chat.settings, "SELECT language, zone FROM users") == [(None, None)]


def test_nothing_to_cancel_is_said(group_chat):
    assert "Отменять нечего" in group_chat.say("/cancel").text


def commands(menu):
    return [command["command"] for command in menu]


def test_menus_are_set_in_each_language_for_chats_and_groups(group_chat, telegram):
    telegram.wait_for(lambda: len(telegram.calls("setMyCommands")) >= 6)
    assert commands(telegram.menu("anna")) == list(MENU)
    in_group = commands(telegram.menu("anna@study"))
    assert "help" in in_group
    assert "privacy" not in in_group
    russian = {command["command"]: command["description"] for command in telegram.menu("anna")}
    english = {command["command"]: command["description"] for command in telegram.menu(5001)}
    assert russian["new"] == "новый разговор"
    assert english["new"] == "a new conversation"


def test_the_course_page_is_the_button_beside_the_field(tmp_path, telegram):
    settings = bot_settings(tmp_path, telegram, public_url="https://merlin.example.com")
    with RunningBot(settings):
        telegram.wait_for(lambda: telegram.calls("setChatMenuButton"))
    (call,) = telegram.calls("setChatMenuButton")
    button = json.loads(call.arguments["menu_button"])
    assert button == {
        "type": "web_app",
        "text": "Курсы",
        "web_app": {"url": "https://merlin.example.com"},
    }


def test_the_menu_of_an_admin_follows_the_role(group_chat, telegram):
    group_chat.say("/help")
    ChatUser(telegram, group_chat.settings, "boris").say("/help")
    telegram.wait_for(lambda: "admin" in commands(telegram.menu("vera")))
    assert "admin" not in commands(telegram.menu("boris"))
    with open_database(group_chat.settings.database) as database:
        Roles(database).grant(BORIS.person_id, Role.ADMIN, "cli:test")
    telegram.wait_for(lambda: "admin" in commands(telegram.menu("boris")))
    with open_database(group_chat.settings.database) as database:
        Roles(database).revoke(BORIS.person_id, "cli:test")
    telegram.wait_for(lambda: commands(telegram.menu("boris")) == list(MENU))
    assert "admin" not in commands(telegram.menu("anna"))


def test_a_role_taken_away_while_nobody_served_takes_its_menu_along(telegram, settings):
    with open_database(settings.database) as database:
        Roles(database).grant(ANNA.person_id, Role.ADMIN, "cli:test")
    with RunningBot(settings):
        telegram.wait_for(lambda: "admin" in commands(telegram.menu("anna")))
    with open_database(settings.database) as database:
        Roles(database).revoke(ANNA.person_id, "cli:test")
    with RunningBot(replace(settings)):
        telegram.wait_for(lambda: commands(telegram.menu("anna")) == list(MENU))
