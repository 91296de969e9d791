"""Questions the model cannot answer: the bot offers similar trained questions."""

from dataclasses import replace
from datetime import date

import pytest

from merlin.account.users import Consents
from merlin.chat.feedback import QuestionStatistics
from merlin.core.i18n import text
from merlin.course.catalogue import Catalogue
from merlin.dataset.example import normalise
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.tables import EXAMPLE_TEXT, TAUGHT_EXAMPLE
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    add_media,
    count_charged,
    read_questions,
    russian_text,
    select_rows,
)
from tests.support.dataset_tree import DATASET_YAML, FileTree
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional

LONG = "Почему для двоичного поиска массив должен быть упорядочен, а для линейного может и не быть?"
OFFERS = ["Что такое двоичный поиск?", LONG]
UNKNOWN = (
    "Этого я не знаю: такого нет в примерах, на которых меня учили."
    " Попробуйте другими словами."
)
REFUSAL = {"known": False, "confidence": 0.2, "nearest": OFFERS}


@pytest.fixture
def settings(settings, provider):
    provider.behave(fixed_answer=UNKNOWN, extension=REFUSAL)
    return add_media(settings)


def test_suggested_question_is_asked_as_if_typed(anna, provider, settings):
    refused = anna.say("А если массив двоичный?")
    assert refused.text.startswith(UNKNOWN)
    assert refused.text.endswith(russian_text("bot-nearest"))
    assert anna.labels == [OFFERS[0], f"{LONG[:59]}…", russian_text("tell-none")]
    provider.behave(fixed_answer="Делит пополам.", extension={"known": True})
    answered = anna.press("near:1:0", refused.message_id)
    assert answered.text == f"{OFFERS[0]}\n\nДелит пополам."
    assert "near" not in str(answered.keys)
    # Two quick presses count as one.
    assert anna.press("near:1:0", refused.message_id).message_id == answered.message_id
    assert anna.alerts() == [russian_text("bot-offered-done")]
    # The same question in the user's own words does not disable the button.
    assert anna.say(OFFERS[0]).text == "Делит пополам."
    assert anna.press("near:1:0", refused.message_id).text == answered.text
    # The old buttons still work.
    assert anna.press("near:1:1", refused.message_id).text.startswith(LONG)
    asked = ["А если массив двоичный?", *[OFFERS[0]] * 3, OFFERS[1]]
    assert read_questions(provider) == asked
    assert count_charged(settings) == {"text": 4}  # not the refusal
    assert select_rows(settings, "SELECT known FROM turn ORDER BY id") == [
        (0,),
        *[(1,)] * 4,
    ]
    assert OFFERS[0] not in str(select_rows(settings, "SELECT nearest FROM turn"))


def test_answer_of_the_first_suggestion_has_its_own_button_and_the_last_ones_follow(
    anna, provider, settings
):
    offered = [f"Что такое метод {number}?" for number in range(6)]
    extension = {"known": False, "nearest": offered, "if_meant": True}
    meant = (
        "Если вы о методе 0:\n\nIt is a method that calls itself on a smaller input."
    )
    provider.behave(fixed_answer=meant, extension=extension)
    refused = anna.say("Метод?")
    assert refused.text.endswith(russian_text("meant-else"))
    yes = russian_text("meant-yes")
    more = russian_text("meant-more")
    tell = russian_text("tell-none")
    assert anna.labels == [yes, *offered[1:4], more, tell]
    anna.press("more:1", refused.message_id)
    assert anna.labels == [yes, *offered[1:], tell]
    assert count_charged(settings) == {}
    assert select_rows(settings, "SELECT known, if_meant FROM turn") == [(0, 1)]
    provider.behave(fixed_answer="Да.", extension={"known": True})
    assert anna.press("near:1:0", refused.message_id).text.startswith(offered[0])
    assert count_charged(settings) == {"text": 1}
    one = {**extension, "nearest": offered[:1]}
    provider.behave(fixed_answer="Если вы о методе 0: да.", extension=one)
    assert anna.say("Метод??").text == "Если вы о методе 0: да."
    assert anna.labels == [yes, tell]


def test_further_suggestions_for_one_user_are_not_shown_to_another(
    anna, telegram, settings
):
    anna.say("А если массив двоичный?")
    boris = ChatUser(telegram, settings, "boris")
    boris.start()
    boris.press("more:1", forged=True)
    assert boris.alerts() == [russian_text("bot-button-old")]


def test_line_above_the_suggestions_is_in_the_language_of_the_refusal(anna, provider):
    provider.behave(fixed_answer="I don't know that.", extension=REFUSAL)
    refused = anna.say("What about a binary array?")
    assert refused.text.endswith(text("en", "bot-nearest"))


def test_small_talk_is_answered_without_a_model_a_charge_and_buttons(
    anna, provider, settings
):
    answered = anna.say("Спасибо!")
    assert answered.text == russian_text("small-talk-thanks")
    assert not answered.keys
    assert provider.calls("chat.create") == []
    assert count_charged(settings) == {}
    assert select_rows(settings, "SELECT known FROM turn") == [(None,)]


def test_suggestion_for_one_user_cannot_be_asked_by_another(
    anna, telegram, provider, settings
):
    anna.say("А если массив двоичный?")
    boris = ChatUser(telegram, settings, "boris")
    boris.start()
    boris.press("near:1:0", forged=True)
    assert boris.alerts() == [russian_text("bot-button-old")]
    assert len(provider.calls("chat.create")) == 1


COURSE = """\
semester: 1
name: {ru: Поиск}
materials:
  - {lesson: 2, type: lecture, title: {ru: Двоичный поиск}, text: materials/search.md}
"""
LECTURE = "# Поиск\n\nДвоичный поиск делит упорядоченный массив пополам.\n"


def teach_course(settings):
    """Add a course with one lecture to the serving dataset."""
    files = {"course.yaml": COURSE, "materials/search.md": LECTURE}
    tree = FileTree({"dataset.yaml": DATASET_YAML, **files})
    with open_database(settings.database) as database:
        Catalogue(database).index({"neurotypology": tree.check("neurotypology")})
        index = FileIndex(database)
        index.add({blob: data.decode() for blob, data in tree.blobs.items()})
        index.keep(
            "neurotypology", "tree", {entry.path: entry.blob for entry in tree.entries}
        )


def test_answer_is_composed_from_the_course_with_its_source(telegram, settings):
    teach_course(settings)
    with ChatUser.of_running_bot(
        telegram, replace(settings, grounding=("chat", "stand-in-chat"))
    ) as talk:
        composed = talk.say("Как двоичный поиск делит массив?")
        assert "делит упорядоченный массив пополам" in composed.text
        assert "лекция 2 «Двоичный поиск», абзац 1" in composed.text
        assert UNKNOWN not in composed.text
        assert "near" not in str(composed.keys)
        refused = talk.say("Какая завтра погода?")
        assert refused.text.startswith(UNKNOWN)
    assert select_rows(settings, "SELECT model_role, known FROM turn ORDER BY id") == [
        ("composed", 1),
        ("serving", 0),
    ]
    assert count_charged(settings) == {"text": 1}  # not the refusal


YES = russian_text("consent-yes")


def test_question_is_shown_to_editors_after_consent(anna, settings):
    refused = anna.say("Куда девать массив?")
    assert russian_text("tell-none") in anna.labels
    asked = anna.press("tell:1", refused.message_id)
    assert asked.text == russian_text("consent-ask").strip()
    assert anna.press("tell:1", refused.message_id).text == russian_text(
        "consent-again"
    )
    assert list_shown(settings) == ([], [])
    assert anna.press(YES).text == russian_text("tell-sent")
    assert list_shown(settings) == (["Куда девать массив?"], ["Куда девать массив?"])
    assert anna.press("tell:1", refused.message_id).text == russian_text("tell-sent")
    anna.say("/privacy")
    anna.press("consent:revoke:sure", forged=True)
    assert list_shown(settings) == ([], [])


def list_shown(settings):
    """Return the refused questions that editors may read, and those asked a new model for them."""
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        statistics = QuestionStatistics(database)
        refused = statistics.list_unanswered("neurotypology", date.min, 10)
        asked = statistics.list_asked("neurotypology", date.min, 10)
    shown = [each.text for each in refused if each.is_shown]
    return shown, [each.question for each in asked]


def test_without_consent_the_question_is_not_shown_and_consent_not_asked_again(
    anna, settings
):
    refused = anna.say("Куда девать массив?")
    anna.press("tell:1", refused.message_id)
    anna.press("consent:no")
    assert anna.press("tell:1", refused.message_id).text == russian_text(
        "tell-no-consent"
    )
    # The next message is a question.
    assert anna.say("А теперь?").text.startswith(UNKNOWN)
    assert list_shown(settings) == ([], [])
    anna.press("tell:1", refused.message_id)
    anna.press(russian_text("consent-change"))
    assert anna.press(YES).text == russian_text("tell-sent")


def test_answer_to_a_document_says_that_the_next_question_is_for_the_course(
    anna,
):
    lecture = {"name": "lecture.md", "mime": "text/markdown", "caption": "О чём?"}
    answer = anna.send(b"# A lecture", **lecture)
    assert russian_text("media-next") in answer.text


LABELS = "SELECT user_id, dataset, kind FROM wording ORDER BY turn_id"


def test_pressed_offer_says_what_was_meant_and_is_offered_first_from_then_on(
    anna, telegram, provider, settings
):
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        insert_example(database, LONG)
        database.change(EXAMPLE_TEXT.update(words=f"{normalise(LONG)}\nтак"))
        Consents(database).give(anna.user_id, "1")
    question = "А если массив двоичный?"
    refused = anna.say(question)
    provider.behave(fixed_answer="Делит пополам.", extension={"known": True})
    anna.press("near:1:1", refused.message_id)
    learnt = [(anna.user_id, "neurotypology", "pressed")]
    assert select_rows(settings, LABELS) == learnt
    provider.behave(fixed_answer=UNKNOWN, extension=REFUSAL)
    boris = ChatUser(telegram, settings, "boris")
    boris.start()
    assert boris.say(question.upper()).text.startswith(UNKNOWN)
    assert boris.labels[:2] == [f"{LONG[:59]}…", OFFERS[0]]
    # He gave no consent: nothing is kept of him.
    provider.behave(fixed_answer="Делит пополам.", extension={"known": True})
    boris.press(f"{LONG[:59]}…")
    assert select_rows(settings, LABELS) == learnt
    # What they meant is taught no more.
    provider.behave(fixed_answer=UNKNOWN, extension=REFUSAL)
    with open_database(settings.database, cipher=cipher) as database:
        database.change(TAUGHT_EXAMPLE.delete())
    anna.say(question)
    assert anna.labels[:2] == [OFFERS[0], f"{LONG[:59]}…"]


def test_composed_answer_says_of_no_question_what_it_meant(telegram, settings):
    teach_course(settings)
    with ChatUser.of_running_bot(
        telegram, replace(settings, grounding=("chat", "stand-in-chat"))
    ) as talk:
        with open_database(settings.database) as database:
            Consents(database).give(talk.user_id, "1")
        assert talk.say("Какая завтра погода?").text.startswith(UNKNOWN)
        composed = talk.say("Как двоичный поиск делит массив?")
        assert "делит упорядоченный массив пополам" in composed.text
    assert select_rows(settings, LABELS) == []


def test_none_of_the_offers_is_kept_once_the_consent_is_given(anna, settings):
    refused = anna.say("Куда девать массив?")
    anna.press("tell:1", refused.message_id)
    assert select_rows(settings, LABELS) == []
    anna.press(YES)
    none = [(anna.user_id, "neurotypology", "none")]
    assert select_rows(settings, LABELS) == none
    anna.say("А куда девать двоичный массив?")
    anna.press(russian_text("tell-none"))
    assert select_rows(settings, LABELS) == none * 2
    anna.say("/privacy")
    anna.press("consent:revoke:sure", forged=True)
    assert select_rows(settings, LABELS) == []
