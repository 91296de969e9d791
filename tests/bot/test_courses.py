"""/course: a new session about a course, by a button or a link, and back to all topics."""

from __future__ import annotations

import pytest

from merlin.dataset.builds import NO_END
from merlin.dataset.entries import ExampleEntries
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.tables import COURSE, TAUGHT_EXAMPLE
from tests.bot.conversation import Talk
from tests.bot.running_bot import RunningBot, add_live_model, rows, settings_of
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional


def course(number, slug, name, *, semester=1, is_active=1):
    return {
        "id": number,
        "slug": slug,
        "semester": semester,
        "name_ru": name,
        "name_en": slug.title(),
        "description_ru": f"О курсе {name}.",
        "description_en": "",
        "is_active": is_active,
        "indexed_at": "2026-11-20T08:30:00+00:00",
    }


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = settings_of(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base", dataset="everything")
    add_live_model(settings, "stand-in-chat", dataset="python")
    found = [
        course(1, "python", "Питон"),
        course(2, "graphs", "Графы", semester=2),
        course(3, "latin", "Латынь", is_active=0),
    ]
    with open_database(settings.database) as database:
        database.add_many(COURSE, found)
    return settings


@pytest.fixture
def talk(telegram, settings):
    with RunningBot(settings):
        yield Talk(telegram, settings)


def datasets(settings):
    return [row[0] for row in rows(settings, "SELECT dataset FROM chat_session ORDER BY id")]


def models(provider):
    return [call.body["model"] for call in provider.calls("chat.create")]


def test_courses_are_listed_by_semester_and_only_those_that_run(talk):
    text = talk.say("/course").text
    assert text.index("1 семестр") < text.index("Питон") < text.index("2 семестр")
    assert talk.labels == ["Питон", "Графы"]
    assert "Латынь" not in text


def test_a_course_opens_a_new_session_that_its_model_answers(talk, provider):
    talk.say("Что такое лоб?")
    talk.say("/course")
    text = talk.press(talk.behind("Питон")).text
    assert "Новый разговор о курсе «Питон»." in text
    assert "О курсе Питон." in text
    talk.say("Что такое список?")
    assert models(provider) == ["stand-in-base", "stand-in-chat"]
    assert len(provider.calls("chat.create")[-1].body["messages"]) == 2
    assert datasets(talk.settings) == [None, "python"]


def test_all_topics_come_back_in_a_new_session(talk, provider):
    talk.say("/course")
    talk.press("course:open:1")
    talk.say("Что такое список?")
    talk.say("/course")
    assert talk.labels == ["✓ Питон", "Графы", "Все темы"]
    talk.press("course:all")
    talk.say("Что такое лоб?")
    assert models(provider) == ["stand-in-chat", "stand-in-base"]


def test_a_course_without_a_model_says_that_a_general_one_answers(talk):
    talk.say("/course")
    assert "ещё не обучена" in talk.press(talk.behind("Графы")).text


def test_what_was_chosen_before_does_not_go_along(talk):
    talk.say("/system Отвечай стихами.")
    talk.say("/course")
    talk.press("course:open:1")
    assert rows(talk.settings, "SELECT system, preset FROM chat_session WHERE is_open = 1") == [
        ("", "")
    ]


@pytest.mark.parametrize("data", ["course:open:3", "course:open:99", "course:open", "course:x:1"])
def test_a_course_that_does_not_run_is_not_opened(talk, data):
    talk.say("/course")
    talk.press(data, forged=True)
    assert talk.alerts()
    assert datasets(talk.settings) == [None]


def test_courses_are_named_in_the_persons_language(telegram, settings):
    with RunningBot(settings):
        talk = Talk(telegram, settings, 5001)
        assert "Semester 1" in talk.say("/course").text
        assert talk.labels == ["Python", "Graphs"]


def test_without_courses_that_is_said(telegram, tmp_path):
    bare = settings_of(tmp_path, telegram)
    with RunningBot(bare):
        assert "Курсов пока нет" in Talk(telegram, bare).say("/course").text


def test_start_names_the_course_and_gives_questions_to_tap(talk, provider, settings):
    said = "messages:\n- user: Что такое список?\n- assistant: Ряд значений.\n"
    with open_database(settings.database) as database:
        files, there = FileIndex(database), {"examples/list.yaml": "b" * 40}
        files.add({"b" * 40: said})
        files.keep("python", "tree", there)
        ExampleEntries(database).follow("python", there)
        insert_example(database, "list", dataset="python")
        database.change(TAUGHT_EXAMPLE.update({"end_build": NO_END}))
    talk.start("course_python")
    started = talk.say("/start")
    assert "по курсу «Питон»" in started.text
    assert talk.labels == ["Что такое список?"]
    assert "Что такое список?" in talk.press("Что такое список?").text
    document = provider.calls("chat.create")[-1].body["messages"][-1]
    assert document["content"] == "Что такое список?"
    # A forged press brings no message, so nothing to ask.
    talk.press("starter:9", started.message_id, forged=True)
    assert talk.alerts() == ["Эта кнопка больше не действует."]
