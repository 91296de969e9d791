"""Ratings, corrections and lineage in conversations with a running bot."""

import pytest

from merlin.account.users import Consents
from merlin.dataset.proposals import Proposals
from merlin.db.database import open_database
from merlin.db.encryption import load_or_make_key
from merlin.db.tables import EXAMPLE_TEXT, PROPOSAL
from tests.bot.admin_chat import ANNA
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    add_live_model,
    find_answer,
    russian_text,
    select_rows,
)
from tests.bot.stars_buyer import change_rows
from tests.support.faults import Fault, FaultKind
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional

QUESTION = "Что такое лоб? Меня зовут Анна Ёлкина, мой телефон +7 999 123-45-67"
BETTER = "Лоб — это верх лица. Пишите на anna@mail.ru"
YES = russian_text("consent-yes")
RATINGS = "SELECT value FROM rating ORDER BY turn_id"
PROPOSALS = "SELECT state, user_id, dataset, model_id FROM proposal"


def begin_correction(anna):
    """Ask, and press the pencil of the answer; return the answer."""
    answer = anna.say(QUESTION)
    anna.press("fix:1", answer.message_id)
    return answer


def correct_answer(anna):
    """Write a correction and agree to its use, without sending it."""
    begin_correction(anna)
    anna.say(BETTER)
    anna.press(YES)


def label(telegram, message_id, data):
    """Return the current label of a button, "" without it."""
    message = find_answer(telegram, message_id)
    keys = [key for row in message.keys for key in row]
    return next((key["text"] for key in keys if key.get("callback_data") == data), "")


def test_second_press_removes_a_rating_and_the_button_shows_it(
    anna, settings, telegram
):
    answer = anna.say(QUESTION)
    for _ in range(2):  # a double click
        anna.press("rate:up:1", answer.message_id, forged=True)
        assert select_rows(settings, RATINGS) == [("up",)]
    telegram.wait_for(lambda: "✓" in label(telegram, answer.message_id, "rate:none:1"))
    anna.press("rate:none:1", answer.message_id)
    assert select_rows(settings, RATINGS) == []
    telegram.wait_for(lambda: label(telegram, answer.message_id, "rate:up:1"))
    assert telegram.answers("anna")[0].text == answer.text


def test_negative_rating_is_stored_and_asks_for_a_better_answer(anna, settings):
    answer = anna.say(QUESTION)
    anna.press("rate:up:1", answer.message_id)
    anna.press("rate:down:1", answer.message_id)
    assert select_rows(settings, RATINGS) == [("down",)]
    assert russian_text("rating-how-better") in anna.last.text
    # The next message is a question, because the pencil was not pressed.
    assert "«А что дальше?»" in anna.say("А что дальше?").text


def test_alert_of_a_press_that_could_not_be_stored_is_not_shown(anna, settings):
    answer = anna.say(QUESTION)
    refusal = "WHEN NEW.state = 'answered' BEGIN SELECT RAISE(ABORT, 'no'); END"
    change_rows(
        settings, f"CREATE TRIGGER refuse BEFORE UPDATE ON telegram_update {refusal}"
    )
    anna.telegram.press("anna", "rate:up:1", answer.message_id)
    anna.telegram.wait_for(lambda: anna.last.text == russian_text("bot-failed"))
    assert select_rows(settings, RATINGS) == []
    assert anna.alerts() == []


def test_answer_of_another_user_cannot_be_rated_or_corrected(anna, settings, telegram):
    anna.say(QUESTION)
    boris = ChatUser(telegram, settings, "boris")
    message = boris.start()
    for data in (
        "rate:up:1",
        "fix:1",
        "why:1",
        "rate:up:99",
        "rate:sideways:1",
        "rate",
        "fix:x",
    ):
        boris.press(data, message.message_id, forged=True)
        assert select_rows(settings, RATINGS) == []
        assert select_rows(settings, "SELECT * FROM dialog") == []
        assert len(telegram.answers("boris")) == 1
    assert len(anna.alerts()) == 7


def test_correction_is_masked_and_waits_for_an_editor_after_consent(anna, settings):
    answer = begin_correction(anna)
    assert "учить модель" in anna.last.text
    assert "правильный ответ" in anna.press(YES).text
    message = anna.say(BETTER).text
    assert select_rows(settings, PROPOSALS) == []
    assert "Меня зовут [имя], мой телефон [телефон]" in message
    assert "Лоб — это верх лица. Пишите на [почта]" in message
    assert "имя" in message.rpartition("Личное скрыто")[2]
    anna.press("fix-send")
    assert select_rows(settings, PROPOSALS) == [
        ("waiting", 1001, "neurotypology", "stand-in-base")
    ]
    # Consent is asked once: the next correction does not ask again.
    anna.press("fix:1", answer.message_id)
    assert "увидит редактор" in anna.say("Лоб — это лоб.").text
    anna.press("fix-send")
    assert len(select_rows(settings, PROPOSALS)) == 1
    assert "Спасибо" in anna.last.text
    assert b"anna@mail" not in b"".join(
        path.read_bytes() for path in settings.state_dir.glob("merlin.db*")
    )


def test_correction_of_a_question_that_continues_a_conversation_has_the_turn_before(
    anna, settings, provider
):
    provider.behave(
        fixed_answer="Тысячу. Звоните +7 999 123-45-67", extension={"known": True}
    )
    anna.say("Сколько стоит велосипед?")
    answer = anna.say("А самокат?")
    anna.press("fix:2", answer.message_id)
    anna.press(YES)
    preview = anna.say("Две тысячи.").text
    assert (
        "👤 Сколько стоит велосипед?\n🤖 Тысячу. Звоните [телефон]\n👤 А самокат?"
        in preview
    )
    anna.press(russian_text("fix-send"))
    (proposal,) = read_proposals(settings)
    assert [message.content for message in proposal.draft.messages] == [
        "Сколько стоит велосипед?",
        "Тысячу. Звоните [телефон]",
        "А самокат?",
        "Две тысячи.",
    ]
    anna.press("consent:show")
    anna.press("consent:revoke")
    anna.press("consent:revoke:sure")
    columns = "SELECT state, question, before_question, before_answer FROM proposal"
    assert select_rows(settings, columns) == [("withdrawn", "", "", "")]


def read_proposals(settings):
    """Return Anna's proposals, decrypted."""
    cipher = load_or_make_key(settings.state_dir, None)
    with open_database(settings.database, cipher=cipher) as database:
        return Proposals(database).of_user(ANNA)


def test_correction_that_another_screen_ends_is_said_to_be_lost(anna, telegram):
    menu = anna.say("/lang").message_id
    answer = begin_correction(anna)
    anna.press(YES)
    for leave, *where in (
        (anna.press, "lang:auto", menu),
        (anna.say, "/plan"),
        (anna.say, "/new"),
    ):
        anna.say(BETTER)
        leave(*where)
        telegram.wait_for(lambda: anna.last.text == russian_text("bot-form-left"))
        anna.press("fix:1", answer.message_id)


def test_without_consent_only_the_rating_is_stored(anna, settings):
    answer = anna.say(QUESTION)
    anna.press("rate:down:1", answer.message_id)
    anna.press("fix:1", answer.message_id)
    anna.press("consent:no")
    # Consent is not asked for again: the next messages are questions.
    assert "«Следующий вопрос»" in anna.say("Следующий вопрос").text
    anna.press("fix:1", answer.message_id)
    assert "не разрешили" in anna.last.text
    assert "«Ещё вопрос»" in anna.say("Ещё вопрос").text
    assert select_rows(settings, "SELECT count(*) FROM turn") == [(3,)]
    assert select_rows(settings, RATINGS) == [("down",)]
    assert select_rows(settings, PROPOSALS) == []


@pytest.mark.parametrize(
    "detour",
    [
        pytest.param(["consent:no", "consent:show"], id="declined"),
        pytest.param(
            ["consent:no", "consent:show", "consent:no", "consent:show"], id="twice"
        ),
    ],
)
def test_typed_correction_outlives_a_detour_to_the_consent(anna, settings, detour):
    correct_answer(anna)
    # In another chat or place, the consent was withdrawn meanwhile.
    with open_database(settings.database) as database, database.atomic():
        Consents(database).revoke(ANNA)
    anna.press("fix-send")
    assert russian_text("consent-text-kept") in anna.last.text
    for data in ["consent:show", *detour]:
        anna.press(data)
    anna.press(YES)
    assert "Лоб — это верх лица" in anna.last.text
    anna.press("fix-send")
    assert len(select_rows(settings, PROPOSALS)) == 1


def test_typed_correction_outlives_a_look_at_the_consent_in_an_older_message(anna):
    older = anna.say("/privacy").message_id
    begin_correction(anna)
    anna.say(BETTER)
    anna.press("consent:show", older)
    assert "Лоб — это верх лица" in anna.press(YES).text


def test_typed_correction_of_a_declined_consent_is_kept_until_it_is_cancelled(
    anna, settings
):
    answer = begin_correction(anna)
    anna.say(BETTER)
    anna.press("consent:no")
    assert "«Следующий вопрос»" in anna.say("Следующий вопрос").text
    anna.press("fix:1", answer.message_id)
    anna.press(russian_text("button-cancel"))
    anna.press("fix:1", answer.message_id)
    anna.press("consent:show")
    assert russian_text("fix-ask") in anna.press(YES).text
    assert select_rows(settings, PROPOSALS) == []


def read_models(settings):
    """Return the model of each answer, oldest first."""
    rows = select_rows(settings, "SELECT model_id FROM turn ORDER BY id")
    return [model_id for (model_id,) in rows]


def test_model_trained_on_a_revoked_example_stops_serving_and_the_user_is_notified(
    telegram, settings
):
    add_live_model(settings, "stand-in-chat", number=2)
    with ChatUser.of_running_bot(telegram, settings) as anna:
        correct_answer(anna)
        assert read_models(settings) == ["stand-in-chat"]
        anna.press("fix-send")
        # It becomes an example of the newest model's build.
        with open_database(settings.database) as database:
            insert_example(database, "from-chat/lob", number=2)
            committed = {"state": "committed", "example_ids": "from-chat/lob"}
            database.change(PROPOSAL.update(committed))
        anna.press("consent:show")
        anna.press("consent:revoke")
        anna.press("consent:revoke:sure")
        # On a slow machine the thanks for the correction may have come meanwhile.
        texts = [message.text for message in telegram.answers("anna")]
        (receipt,) = (text for text in texts if "Согласие отозвано" in text)
        assert "1 модель: stand-in-chat" in receipt
        assert "больше никому не отвечает" in receipt
        anna.say("Что такое подбородок?")
    serves = "SELECT model_id FROM serving JOIN model ON model.id = serving.model_row"
    assert select_rows(settings, serves) == [("stand-in-base",)]
    assert read_models(settings) == ["stand-in-chat", "stand-in-base"]
    told = "SELECT arguments FROM notice WHERE key = 'notice-revoked-switched'"
    assert "neurotypology-2" in str(select_rows(settings, told))


def test_info_button_of_an_answer_shows_its_origin(anna):
    answer = anna.say(QUESTION)
    anna.press("rate:up:1", answer.message_id)
    anna.press("why:1", answer.message_id)
    text = anna.last.text
    assert text.startswith(russian_text("why-part", part="model"))
    assert russian_text("why-model", model="neurotypology-1") in text
    assert "stand-in-base" not in text
    assert "60 примерах" in text
    assert "20 ноября" in text
    assert "👍 1" in text
    assert "Токенов" not in text
    _, folded = anna.last.message["rich_message"]["blocks"]
    assert (folded["type"], folded["is_open"]) == ("details", False)
    assert folded["summary"] == russian_text("why-fold-model")


def test_examples_of_an_answer_are_open_above_its_folded_model(
    anna, settings, provider
):
    with open_database(settings.database) as database, database.atomic():
        insert_example(database, "lob")
        database.change(EXAMPLE_TEXT.update(words="что такое лоб\nверх лица"))
    provider.behave(fixed_answer="верх лица")
    anna.press("why:1", anna.say(QUESTION).message_id)
    part, examples, model = anna.last.message["rich_message"]["blocks"]
    assert part["type"] == "paragraph"
    assert [examples["summary"], examples["is_open"]] == [
        russian_text("why-fold-examples"),
        True,
    ]
    assert "lob" in str(examples["blocks"])
    assert [model["summary"], model["is_open"]] == [
        russian_text("why-fold-model"),
        False,
    ]


def test_origin_is_plain_text_where_there_are_no_rich_messages(anna, telegram):
    answer = anna.say(QUESTION)
    telegram.faults.add(Fault("sendRichMessage", FaultKind.STATUS, status=404))
    anna.press("why:1", answer.message_id)
    assert anna.last.entities[0]["type"] == "expandable_blockquote"
    anna.press("why:1", answer.message_id)
    assert anna.last.entities[0]["type"] == "expandable_blockquote"
    # A call that fails by a fault is not listed.
    assert telegram.calls("sendRichMessage") == []


def test_question_taken_for_a_correction_is_answered_on_request(anna, settings):
    begin_correction(anna)
    message = anna.say("А что такое подбородок?").text
    assert "«А что такое подбородок?»" not in message
    anna.press("fix-ask")
    assert "«А что такое подбородок?»" in anna.last.text
    # The correction is finished: the next message is a question.
    assert "«А что такое нос?»" in anna.say("А что такое нос?").text
    assert select_rows(settings, PROPOSALS) == []
