"""/course: a new session about a course, by a button or a link, and back to all courses."""

import pytest

from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.tables import BUILD, COURSE
from tests.bot.conversation import ChatUser, user_messages
from tests.bot.running_bot import (
    add_live_model,
    bot_settings,
    russian_text,
    select_rows,
)
from tests.support.serving_models import insert_commit_of_build, insert_example

pytestmark = pytest.mark.functional


def course_row(number, slug, name, *, semester=1, is_active=1):
    return {
        "id": number,
        "slug": slug,
        "semester": semester,
        "name_ru": name,
        "name_en": slug.title(),
        "description_ru": f"О курсе {name}.",
        "description_en": "",
        "is_active": is_active,
    }


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = bot_settings(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base", dataset="everything")
    add_live_model(settings, "stand-in-chat", dataset="python")
    courses = [
        course_row(1, "python", "Питон"),
        course_row(2, "graphs", "Графы", semester=2),
        course_row(3, "latin", "Латынь", is_active=0),
    ]
    with open_database(settings.database) as database:
        database.add_many(COURSE, courses)
    return settings


def session_datasets(settings):
    return select_rows(settings, "SELECT dataset FROM chat_session ORDER BY id")


def test_where_the_default_model_belongs_to_a_course_that_course_is_the_chosen_one(
    tmp_path, telegram, provider
):
    settings = bot_settings(tmp_path, telegram, provider, default_dataset="everything")
    add_live_model(settings, "stand-in-base", dataset="everything")
    courses = [course_row(1, "everything", "Азы"), course_row(2, "graphs", "Графы")]
    with open_database(settings.database) as database:
        database.add_many(COURSE, courses)
    with ChatUser.of_running_bot(telegram, settings) as anna:
        assert "Сейчас разговор о курсе «Азы»." in anna.say("/course").text
        assert anna.labels == ["✓ Азы", "Графы"]
        anna.press("course:open:2")
        anna.say("/course")
        assert anna.labels == ["Азы", "✓ Графы"]
        # An old message may still have the button of all topics.
        anna.press("course:all", forged=True)
        assert "Новый разговор о курсе «Азы»." in anna.last.text


def test_course_starts_a_new_session_answered_by_its_model(anna, provider):
    anna.say("Что такое лоб?")
    anna.say("/course")
    text = anna.press(anna.find_button("Питон")).text
    assert "Новый разговор о курсе «Питон»." in text
    assert "О курсе Питон." in text
    anna.say("Что такое список?")
    assert provider.asked_models() == ["stand-in-base", "stand-in-chat"]
    assert user_messages(provider) == ["Что такое список?"]
    assert session_datasets(anna.settings) == [(None,), ("python",)]


def test_all_topics_button_starts_a_new_general_session(anna, provider):
    anna.say("/course")
    anna.press("course:open:1")
    anna.say("Что такое список?")
    anna.say("/course")
    assert anna.labels == ["✓ Питон", "Графы", "Все темы"]
    anna.press("course:all")
    anna.say("Что такое лоб?")
    assert provider.asked_models() == ["stand-in-chat", "stand-in-base"]


def test_course_without_a_model_says_that_a_general_one_answers(anna):
    anna.say("/course")
    assert "ещё не обучена" in anna.press(anna.find_button("Графы")).text


def test_new_session_keeps_the_course_and_says_so(anna):
    anna.say("/course")
    anna.press(anna.find_button("Питон"))
    anna.say("Что такое список?")
    assert "Питон" in anna.say("/new").text
    assert session_datasets(anna.settings) == [("python",), ("python",)]


def test_link_to_a_course_that_is_over_offers_the_others(anna):
    assert russian_text("courses-not-available") in anna.start("course_latin").text
    assert anna.button_data("course") == "course:list:0"


@pytest.mark.parametrize(
    "data", ["course:open:3", "course:open:99", "course:open", "course:x:1"]
)
def test_inactive_or_unknown_course_cannot_be_opened(anna, data):
    anna.say("/course")
    anna.press(data, forged=True)
    assert anna.alerts()
    assert session_datasets(anna.settings) == [(None,)]


def test_start_link_names_the_course_and_offers_questions(anna, provider, settings):
    example = "messages:\n- user: Что такое список?\n- assistant: Ряд значений.\n"
    with open_database(settings.database) as database:
        files = FileIndex(database)
        files.add({"b" * 40: example})
        files.keep("python", "tree", {"examples/list.yaml": "b" * 40})
        turns = ("Что такое список?", "Ряд значений.")
        insert_example(database, "list", dataset="python", turns=turns)
        mine = BUILD.select(BUILD.id).where(BUILD.dataset == "python")
        insert_commit_of_build(database, "d" * 40, "python", database.value(mine))
    anna.start("course_python")
    started = anna.say("/start")
    assert "курса «Питон»" in started.text
    assert anna.labels == ["Что такое список?"]
    assert "Что такое список?" in anna.press("Что такое список?").text
    assert user_messages(provider) == ["Что такое список?"]
    # The new answer replaces the first one.
    assert "Что такое список?" in anna.press("🔁").text
    assert user_messages(provider) == ["Что такое список?"]
    # A forged press has no message, so there is no question.
    anna.press("starter:9", started.message_id, forged=True)
    assert anna.alerts() == ["Эта кнопка больше не действует."]
    assert len(provider.calls("chat.create")) == 2
