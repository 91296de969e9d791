"""Ratings, corrections and lineage in conversations with a running bot."""

from __future__ import annotations

import pytest

from merlin.db.database import open_database
from merlin.db.tables import EXAMPLE_TEXT, PROPOSAL
from tests.bot.running_bot import (
    RunningBot,
    add_live_model,
    bot_settings,
    count_updates_by_state,
    select_rows,
)
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional

QUESTION = "Что такое лоб? Меня зовут Анна Ёлкина, мой телефон +7 999 123-45-67"
BETTER = "Лоб — это верх лица. Пишите на anna@mail.ru"
RATINGS = "SELECT value FROM rating ORDER BY turn_id"
PROPOSALS = "SELECT state, user_id, dataset, model_id FROM proposal"


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = bot_settings(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base")
    return settings


def wait_until_answered(telegram, settings, count):
    """Wait until this many updates have been processed."""
    telegram.wait_for(lambda: sum(count_updates_by_state(settings).values()) >= count)
    telegram.wait_for(lambda: "waiting" not in count_updates_by_state(settings))


def ask(telegram, settings, question=QUESTION):
    """Let anna ask; return the message with the answer."""
    before = sum(count_updates_by_state(settings).values())
    telegram.say("anna", question)
    wait_until_answered(telegram, settings, before + 1)
    return telegram.answers("anna")[-1]


def press(telegram, settings, data, message_id=0, user="anna", **options):
    before = sum(count_updates_by_state(settings).values())
    telegram.press(user, data, message_id, **options)
    wait_until_answered(telegram, settings, before + 1)


def say(telegram, settings, text):
    before = sum(count_updates_by_state(settings).values())
    telegram.say("anna", text)
    wait_until_answered(telegram, settings, before + 1)
    return telegram.answers("anna")[-1].text


def label(telegram, message_id, data):
    """Return the current label of a button."""
    (message,) = [
        message_ for message_ in telegram.answers("anna") if message_.message_id == message_id
    ]
    keys = [key for row in message.keys for key in row]
    return next(key["text"] for key in keys if key.get("callback_data") == data)


def alerts(telegram):
    calls = telegram.calls("answerCallbackQuery")
    return [call.arguments["text"] for call in calls if call.arguments.get("text")]


def test_second_press_removes_a_rating_and_the_button_shows_it(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:up:1", answer.message_id)
        assert select_rows(settings, RATINGS) == [("up",)]
        telegram.wait_for(lambda: "✓" in label(telegram, answer.message_id, "rate:up:1"))
        press(telegram, settings, "rate:up:1", answer.message_id)
        assert select_rows(settings, RATINGS) == []
        telegram.wait_for(lambda: "✓" not in label(telegram, answer.message_id, "rate:up:1"))
    assert telegram.answers("anna")[0].text == answer.text


def test_negative_rating_is_stored_and_asks_for_a_better_answer(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:up:1", answer.message_id)
        press(telegram, settings, "rate:down:1", answer.message_id)
        assert select_rows(settings, RATINGS) == [("down",)]
        request = telegram.answers("anna")[-1]
        assert "подскажите" in request.text
        # The next message is a question, because the pencil was not pressed.
        assert "«А что дальше?»" in say(telegram, settings, "А что дальше?")


def test_reaction_rates_the_answer_it_is_set_on(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        for emoji, rows in (("👍", [("up",)]), ("👎", [("down",)]), ("", [])):
            before = sum(count_updates_by_state(settings).values())
            telegram.react("anna", answer.message_id, emoji)
            wait_until_answered(telegram, settings, before + 1)
            assert select_rows(settings, RATINGS) == rows
        before = sum(count_updates_by_state(settings).values())
        telegram.react("anna", answer.message_id, "🔥")
        wait_until_answered(telegram, settings, before + 1)
    assert select_rows(settings, RATINGS) == []


@pytest.mark.parametrize(
    "data", ["rate:up:1", "fix:1", "why:1", "rate:up:99", "rate:sideways:1", "rate", "fix:x"]
)
def test_answer_of_another_user_cannot_be_rated_or_corrected(telegram, settings, data):
    with RunningBot(settings):
        ask(telegram, settings)
        telegram.start_bot("boris")
        wait_until_answered(telegram, settings, 2)
        message = telegram.answers("boris")[-1]
        press(telegram, settings, data, message.message_id, "boris", forged=True)
    assert select_rows(settings, RATINGS) == []
    assert select_rows(settings, "SELECT * FROM dialog") == []
    assert len(telegram.answers("boris")) == 1
    assert len(alerts(telegram)) == 1


def test_correction_is_masked_and_waits_for_an_editor_after_consent(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        assert "учить модель" in telegram.answers("anna")[-1].text
        press(telegram, settings, "consent:yes")
        assert "правильный ответ" in telegram.answers("anna")[-1].text
        message = say(telegram, settings, BETTER)
        assert select_rows(settings, PROPOSALS) == []
        assert "Меня зовут [имя], мой телефон [телефон]" in message
        assert "Лоб — это верх лица. Пишите на [почта]" in message
        assert "имя" in message.rpartition("скрыл личное")[2]
        press(telegram, settings, "fix-send")
        assert select_rows(settings, PROPOSALS) == [
            ("waiting", 1001, "neurotypology", "stand-in-base")
        ]
        # Consent is asked once: the next correction does not ask again.
        press(telegram, settings, "fix:1", answer.message_id)
        assert "увидит редактор" in say(telegram, settings, "Лоб — это лоб.")
        press(telegram, settings, "fix-send")
    assert len(select_rows(settings, PROPOSALS)) == 1
    assert "Спасибо" in telegram.answers("anna")[-1].text
    assert b"anna@mail" not in b"".join(
        path.read_bytes() for path in settings.state_dir.glob("merlin.db*")
    )


def test_correction_in_a_preference_dataset_keeps_the_rejected_answer(telegram, settings):
    add_live_model(settings, "stand-in-base", number=2, method="dpo")
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        press(telegram, settings, "fix-send")
    assert select_rows(settings, "SELECT count(*) FROM proposal WHERE rejected <> ''") == [(1,)]


def test_without_consent_only_the_rating_is_stored(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:down:1", answer.message_id)
        press(telegram, settings, "fix:1", answer.message_id)
        press(telegram, settings, "consent:no")
        # A message written now is no question, unless the user says so.
        assert "учить модель" in say(telegram, settings, BETTER)
        press(telegram, settings, "consent:no")
        assert select_rows(settings, "SELECT * FROM dialog") == []
        press(telegram, settings, "fix:1", answer.message_id)
        assert "не разрешили" in telegram.answers("anna")[-1].text
        assert "учить модель" in say(telegram, settings, BETTER)
        assert select_rows(settings, "SELECT count(*) FROM turn") == [(1,)]
    assert select_rows(settings, RATINGS) == [("down",)]
    assert select_rows(settings, PROPOSALS) == []


def test_revoked_consent_withdraws_every_correction(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        press(telegram, settings, "fix-send")
        press(telegram, settings, "consent:show")
        press(telegram, settings, "consent:revoke")
        assert select_rows(settings, PROPOSALS)[0][0] == "waiting"
        press(telegram, settings, "consent:revoke:sure")
        assert "Согласие отозвано" in telegram.answers("anna")[-1].text
        press(telegram, settings, "fix-send", answer.message_id, forged=True)
    assert select_rows(settings, PROPOSALS)[0][0] == "withdrawn"
    assert select_rows(settings, "SELECT question, answer FROM proposal") == [("", "")]


def add_trained_correction(settings, example_id="from-chat/lob"):
    """Add anna's correction as an example to the newest model's build."""
    with open_database(settings.database) as database:
        insert_example(database, example_id, number=2)
        database.change(PROPOSAL.update({"state": "committed", "example_id": example_id}))


def test_model_trained_on_a_revoked_example_stops_serving_and_the_user_is_notified(
    telegram, settings
):
    add_live_model(settings, "stand-in-chat", number=2)
    with RunningBot(settings):
        answer = ask(telegram, settings)
        assert select_rows(settings, "SELECT model_id FROM turn") == [("stand-in-chat",)]
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        press(telegram, settings, "fix-send")
        add_trained_correction(settings)
        press(telegram, settings, "consent:show")
        press(telegram, settings, "consent:revoke")
        press(telegram, settings, "consent:revoke:sure")
        # On a slow machine the thanks for the correction may have come meanwhile.
        texts = [message.text for message in telegram.answers("anna")]
        (receipt,) = (text for text in texts if "Согласие отозвано" in text)
        assert "1 модель: stand-in-chat" in receipt
        assert "больше никому не отвечает" in receipt
        ask(telegram, settings, "Что такое подбородок?")
    serves = "SELECT model_id FROM serving JOIN model ON model.id = serving.model_row"
    assert select_rows(settings, serves) == [("stand-in-base",)]
    assert select_rows(settings, "SELECT model_id FROM turn ORDER BY id")[-1] == ("stand-in-base",)
    (row,) = select_rows(
        settings, "SELECT arguments FROM notice WHERE key = 'notice-revoked-switched'"
    )
    assert "neurotypology-2" in row[0]


def test_info_button_of_an_answer_shows_its_origin(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:up:1", answer.message_id)
        press(telegram, settings, "why:1", answer.message_id)
    text = telegram.answers("anna")[-1].text
    assert "stand-in-base" in text
    assert "neurotypology-1" in text
    assert "60 примерах" in text
    assert "20 ноября" in text
    assert "👍 1" in text
    assert "Токенов" in text


def test_info_button_of_a_composed_answer_shows_nearest_examples(telegram, settings):
    with open_database(settings.database) as database:
        insert_example(database, "лицо/лоб")
        database.change(EXAMPLE_TEXT.update({"words": "что такое лоб\nлоб это верх лица"}))
    with RunningBot(settings):
        answer = ask(telegram, settings, "Что такое лоб?")
        press(telegram, settings, "why:1", answer.message_id)
    text = telegram.answers("anna")[-1].text
    assert "не источник): лицо/лоб." in text
    assert "научили" not in text


def test_question_taken_for_a_correction_is_answered_on_request(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        message = say(telegram, settings, "А что такое подбородок?")
        assert "«А что такое подбородок?»" not in message
        press(telegram, settings, "fix-ask")
        assert "«А что такое подбородок?»" in telegram.answers("anna")[-1].text
        # The correction is finished: the next message is a question.
        assert "«А что такое нос?»" in say(telegram, settings, "А что такое нос?")
    assert select_rows(settings, PROPOSALS) == []


def test_question_sent_while_a_correction_waits_is_answered_on_request(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        say(telegram, settings, "А что такое подбородок?")
        press(telegram, settings, "fix-ask")
        assert "«А что такое подбородок?»" in telegram.answers("anna")[-1].text
        assert "«А что такое нос?»" in say(telegram, settings, "А что такое нос?")
    assert select_rows(settings, PROPOSALS) == []
