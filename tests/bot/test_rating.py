"""Ratings, corrections and lineage in whole conversations with a running bot."""

from __future__ import annotations

import pytest

from merlin.db.database import open_database
from merlin.db.tables import EXAMPLE_TEXT, PROPOSAL
from tests.bot.running_bot import RunningBot, add_live_model, rows, settings_of, states
from tests.support.serving_models import insert_example

pytestmark = pytest.mark.functional

QUESTION = "Что такое лоб? Меня зовут Анна Ёлкина, мой телефон +7 999 123-45-67"
BETTER = "Лоб — это верх лица. Пишите на anna@mail.ru"
RATINGS = "SELECT value FROM rating ORDER BY turn_id"
PROPOSALS = "SELECT state, user_id, dataset, model_id FROM proposal"


@pytest.fixture
def settings(tmp_path, telegram, provider):
    settings = settings_of(tmp_path, telegram, provider)
    add_live_model(settings, "stand-in-base")
    return settings


def done(telegram, settings, count):
    """Wait until so many updates have been ended."""
    telegram.wait_for(lambda: sum(states(settings).values()) >= count)
    telegram.wait_for(lambda: "waiting" not in states(settings))


def ask(telegram, settings, words=QUESTION):
    """Let anna ask; return the message of the answer."""
    before = sum(states(settings).values())
    telegram.say("anna", words)
    done(telegram, settings, before + 1)
    return telegram.answers("anna")[-1]


def press(telegram, settings, data, message_id=0, who="anna", **more):
    before = sum(states(settings).values())
    telegram.press(who, data, message_id, **more)
    done(telegram, settings, before + 1)


def say(telegram, settings, words):
    before = sum(states(settings).values())
    telegram.say("anna", words)
    done(telegram, settings, before + 1)
    return telegram.answers("anna")[-1].text


def label(telegram, message_id, data):
    """Return what a button says now."""
    (message,) = [one for one in telegram.answers("anna") if one.message_id == message_id]
    keys = [key for row in message.keys for key in row]
    return next(key["text"] for key in keys if key.get("callback_data") == data)


def alerts(telegram):
    calls = telegram.calls("answerCallbackQuery")
    return [call.arguments["text"] for call in calls if call.arguments.get("text")]


def test_a_second_press_takes_a_rating_back_and_the_button_shows_it(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:up:1", answer.message_id)
        assert rows(settings, RATINGS) == [("up",)]
        telegram.wait_for(lambda: "✓" in label(telegram, answer.message_id, "rate:up:1"))
        press(telegram, settings, "rate:up:1", answer.message_id)
        assert rows(settings, RATINGS) == []
        telegram.wait_for(lambda: "✓" not in label(telegram, answer.message_id, "rate:up:1"))
    assert telegram.answers("anna")[0].text == answer.text


def test_a_thumb_down_is_kept_and_kindly_asks_for_a_better_answer(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:up:1", answer.message_id)
        press(telegram, settings, "rate:down:1", answer.message_id)
        assert rows(settings, RATINGS) == [("down",)]
        asked = telegram.answers("anna")[-1]
        assert "подскажите" in asked.text
        # What is written next is a question, for nobody pressed the pencil.
        assert "«А что дальше?»" in say(telegram, settings, "А что дальше?")


def test_a_reaction_rates_the_answer_that_it_stands_under(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        for emoji, kept in (("👍", [("up",)]), ("👎", [("down",)]), ("", [])):
            before = sum(states(settings).values())
            telegram.react("anna", answer.message_id, emoji)
            done(telegram, settings, before + 1)
            assert rows(settings, RATINGS) == kept
        before = sum(states(settings).values())
        telegram.react("anna", answer.message_id, "🔥")
        done(telegram, settings, before + 1)
    assert rows(settings, RATINGS) == []


@pytest.mark.parametrize(
    "data", ["rate:up:1", "fix:1", "why:1", "rate:up:99", "rate:sideways:1", "rate", "fix:x"]
)
def test_another_persons_answer_is_out_of_reach(telegram, settings, data):
    with RunningBot(settings):
        ask(telegram, settings)
        telegram.start_bot("boris")
        done(telegram, settings, 2)
        mine = telegram.answers("boris")[-1]
        press(telegram, settings, data, mine.message_id, "boris", forged=True)
    assert rows(settings, RATINGS) == []
    assert rows(settings, "SELECT * FROM dialog") == []
    assert len(telegram.answers("boris")) == 1
    assert len(alerts(telegram)) == 1


def test_a_correction_is_masked_and_waits_for_an_editor_after_one_consent(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        assert "учить модель" in telegram.answers("anna")[-1].text
        press(telegram, settings, "consent:yes")
        assert "правильный ответ" in telegram.answers("anna")[-1].text
        shown = say(telegram, settings, BETTER)
        assert rows(settings, PROPOSALS) == []
        assert "Меня зовут [имя], мой телефон [телефон]" in shown
        assert "Лоб — это верх лица. Пишите на [почта]" in shown
        assert "имя" in shown.rpartition("скрыл личное")[2]
        press(telegram, settings, "fix-send")
        assert rows(settings, PROPOSALS) == [("waiting", 1001, "neurotypology", "stand-in-base")]
        # The consent was asked once: the next correction goes on without.
        press(telegram, settings, "fix:1", answer.message_id)
        assert "увидит редактор" in say(telegram, settings, "Лоб — это лоб.")
        press(telegram, settings, "fix-send")
    assert len(rows(settings, PROPOSALS)) == 1
    assert "Спасибо" in telegram.answers("anna")[-1].text
    assert b"anna@mail" not in b"".join(
        path.read_bytes() for path in settings.state_dir.glob("merlin.db*")
    )


def test_a_correction_in_a_dataset_of_pairs_keeps_the_answer_that_it_corrects(telegram, settings):
    add_live_model(settings, "stand-in-base", number=2, method="dpo")
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        press(telegram, settings, "fix-send")
    assert rows(settings, "SELECT count(*) FROM proposal WHERE rejected <> ''") == [(1,)]


def test_without_consent_the_rating_alone_is_kept_and_nobody_asks_again(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "rate:down:1", answer.message_id)
        press(telegram, settings, "fix:1", answer.message_id)
        press(telegram, settings, "consent:no")
        # What is written all the same is no question, unless the person says so.
        assert "учить модель" in say(telegram, settings, BETTER)
        press(telegram, settings, "consent:no")
        assert rows(settings, "SELECT * FROM dialog") == []
        press(telegram, settings, "fix:1", answer.message_id)
        assert "не разрешили" in telegram.answers("anna")[-1].text
        assert "учить модель" in say(telegram, settings, BETTER)
        assert rows(settings, "SELECT count(*) FROM turn") == [(1,)]
    assert rows(settings, RATINGS) == [("down",)]
    assert rows(settings, PROPOSALS) == []


def test_a_consent_is_taken_back_with_everything_sent_under_it(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        press(telegram, settings, "fix-send")
        press(telegram, settings, "consent:show")
        press(telegram, settings, "consent:revoke")
        assert rows(settings, PROPOSALS)[0][0] == "waiting"
        press(telegram, settings, "consent:revoke:sure")
        assert "Согласие отозвано" in telegram.answers("anna")[-1].text
        press(telegram, settings, "fix-send", answer.message_id, forged=True)
    assert rows(settings, PROPOSALS)[0][0] == "withdrawn"
    assert rows(settings, "SELECT question, answer FROM proposal") == [("", "")]


def learnt(settings, example_id="from-chat/lob"):
    """Let anna's correction be an example that the build of the newest model holds."""
    with open_database(settings.database) as database:
        insert_example(database, example_id, number=2)
        database.change(PROPOSAL.update({"state": "committed", "example_id": example_id}))


def test_what_learnt_from_a_revoked_consent_answers_nobody_and_the_receipt_says_so(
    telegram, settings
):
    add_live_model(settings, "stand-in-chat", number=2)
    with RunningBot(settings):
        answer = ask(telegram, settings)
        assert rows(settings, "SELECT model_id FROM turn") == [("stand-in-chat",)]
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        press(telegram, settings, "fix-send")
        learnt(settings)
        press(telegram, settings, "consent:show")
        press(telegram, settings, "consent:revoke")
        press(telegram, settings, "consent:revoke:sure")
        # A slow machine has thanked for the correction meanwhile.
        texts = [one.text for one in telegram.answers("anna")]
        (receipt,) = (text for text in texts if "Согласие отозвано" in text)
        assert "1 модель: stand-in-chat" in receipt
        assert "больше никому не отвечает" in receipt
        ask(telegram, settings, "Что такое подбородок?")
    serves = "SELECT model_id FROM serving JOIN model ON model.id = serving.model_row"
    assert rows(settings, serves) == [("stand-in-base",)]
    assert rows(settings, "SELECT model_id FROM turn ORDER BY id")[-1] == ("stand-in-base",)
    (told,) = rows(settings, "SELECT arguments FROM notice WHERE key = 'notice-revoked-switched'")
    assert "neurotypology-2" in told[0]


def test_the_sign_of_an_answer_tells_its_lineage(telegram, settings):
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


def test_the_sign_of_a_composed_answer_names_the_nearest_examples_as_no_source(telegram, settings):
    with open_database(settings.database) as database:
        insert_example(database, "лицо/лоб")
        database.change(EXAMPLE_TEXT.update({"words": "что такое лоб\nлоб это верх лица"}))
    with RunningBot(settings):
        answer = ask(telegram, settings, "Что такое лоб?")
        press(telegram, settings, "why:1", answer.message_id)
    text = telegram.answers("anna")[-1].text
    assert "не источник): лицо/лоб." in text
    assert "научили" not in text


def test_a_question_that_was_taken_for_a_correction_is_answered_after_all(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        asked = say(telegram, settings, "А что такое подбородок?")
        assert "«А что такое подбородок?»" not in asked
        press(telegram, settings, "fix-ask")
        assert "«А что такое подбородок?»" in telegram.answers("anna")[-1].text
        # The correction is over: what comes next is a question at once.
        assert "«А что такое нос?»" in say(telegram, settings, "А что такое нос?")
    assert rows(settings, PROPOSALS) == []


def test_a_question_sent_while_a_correction_waits_is_answered_after_all(telegram, settings):
    with RunningBot(settings):
        answer = ask(telegram, settings)
        press(telegram, settings, "fix:1", answer.message_id)
        say(telegram, settings, BETTER)
        press(telegram, settings, "consent:yes")
        say(telegram, settings, "А что такое подбородок?")
        press(telegram, settings, "fix-ask")
        assert "«А что такое подбородок?»" in telegram.answers("anna")[-1].text
        assert "«А что такое нос?»" in say(telegram, settings, "А что такое нос?")
    assert rows(settings, PROPOSALS) == []
