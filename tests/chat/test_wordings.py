"""What a question meant: each condition by itself, and what the label offers at once."""

from functools import partial

import pytest

from merlin.account.users import Consents
from merlin.chat.sessions import ChatPlace
from merlin.chat.turns import StoredAnswer
from merlin.chat.wordings import SOON, Label, LabelKind, Labels
from merlin.dataset.proposals import MAX_CHARACTERS
from merlin.db.tables import TURN, WORDING
from tests.support.people import ANNA, BORIS

pytestmark = pytest.mark.integration

DATASET = "museum"
TAUGHT = "Сколько стоит вход?"
PRICE = "Вход стоит 300 рублей."
ASKED = "Почем билет в музей?"
OFFERED = StoredAnswer("Не знаю.", known=False, nearest=f"Где касса?\n{TAUGHT}")
REFUSED = StoredAnswer("Не знаю.", known=False)
ANSWERED = StoredAnswer(PRICE, known=True)


@pytest.fixture
def labels(database, clock):
    for user_id in (ANNA, BORIS):
        Consents(database, clock).give(user_id, "1")
    return Labels(database, clock)


@pytest.fixture
def ask(store_question):
    """Return a function that stores a question with its answer; it returns the turn."""

    def store(text, answer, user_id=ANNA, chat_id=None, **fields):
        place = ChatPlace(chat_id or user_id, user_id)
        return store_question(text, answer, place, **fields)

    return store


@pytest.fixture
def press(ask, labels):
    """Return a function that asks, is offered questions, and asks one of them."""

    def ask_twice(text=ASKED, pressed=TAUGHT, user_id=ANNA):
        first = ask(text, OFFERED, user_id).turn_id
        labels.learn(ask(pressed, ANSWERED, user_id), DATASET, PRICE, "ru")
        return first

    return ask_twice


def test_offered_question_that_is_asked_next_is_what_was_meant(labels, press):
    turn = press(pressed="сколько стоит ВХОД")
    pressed = Label(turn, ANNA, DATASET, LabelKind.PRESSED, ASKED, TAUGHT)
    assert labels.list_newest(DATASET) == [pressed]
    assert labels.list_newest("other") == []
    stored = str(labels.db.rows(WORDING.select()))
    assert ASKED not in stored
    assert TAUGHT not in stored


def test_earlier_offer_may_be_asked_later_and_the_last_one_counts(labels, ask, press):
    turn = press(pressed="Где касса?")
    labels.learn(ask(TAUGHT, ANSWERED), DATASET, PRICE, "ru")
    (label,) = labels.list_newest(DATASET)
    assert (label.turn_id, label.meant) == (turn, TAUGHT)


@pytest.mark.parametrize("declined", [OFFERED, REFUSED])
def test_answer_to_the_next_wording_is_what_was_meant(labels, ask, declined):
    turn = ask(ASKED, declined).turn_id
    labels.learn(ask("Цена билета?", ANSWERED), DATASET, PRICE, "ru")
    next_one = Label(turn, ANNA, DATASET, LabelKind.NEXT, ASKED, PRICE)
    assert labels.list_newest(DATASET) == [next_one]


def learn_next(labels, ask, clock, *, first=ASKED, after=0.0, user_id=ANNA, **fields):
    ask(first, REFUSED, **fields)
    clock.move(after)
    labels.learn(ask("Цена билета?", ANSWERED, user_id), DATASET, PRICE, "ru")
    return labels.list_newest(DATASET)


@pytest.mark.parametrize(
    "fields",
    [
        {"after": SOON.total_seconds() + 1},
        {"first": "А там?"},
        {"first": "Почем проезд в метро?"},
        {"user_id": BORIS},
        {"format": "photo"},
        {"first": "Почем билет " + "x" * MAX_CHARACTERS},
    ],
)
def test_late_short_or_foreign_question_is_no_other_wording(labels, ask, clock, fields):
    assert learn_next(labels, ask, clock, **fields) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"after": SOON.total_seconds()},
        {"first": "Почем билет " + "x" * (MAX_CHARACTERS - len("Почем билет "))},
    ],
)
def test_question_in_time_and_in_length_is_another_wording(labels, ask, clock, fields):
    assert learn_next(labels, ask, clock, **fields)


def test_question_before_the_last_answer_is_no_other_wording(labels, ask):
    ask(ASKED, REFUSED)
    for _ in range(2):
        turn = ask("Цена билета?", ANSWERED)
    labels.learn(turn, DATASET, PRICE, "ru")
    assert labels.list_newest(DATASET) == []


def test_known_answer_had_no_other_meaning(labels, ask):
    ask(ASKED, StoredAnswer(PRICE, known=True, nearest=TAUGHT))
    labels.learn(ask(TAUGHT, ANSWERED), DATASET, PRICE, "ru")
    assert labels.list_newest(DATASET) == []


def test_replaced_question_is_not_asked_any_more(labels, ask):
    ask(ASKED, OFFERED)
    labels.db.change(TURN.update(is_replaced=1))
    labels.learn(ask(TAUGHT, ANSWERED), DATASET, PRICE, "ru")
    assert labels.list_newest(DATASET) == []


def test_without_a_consent_nothing_is_kept_and_a_withdrawn_one_hides(
    labels, press, database, clock
):
    press()
    consents = Consents(database, clock)
    consents.revoke(ANNA)
    assert labels.list_newest(DATASET) == []
    assert labels.find_meant(DATASET, ASKED) == ""
    labels.delete_of(BORIS)
    assert labels.db.count(WORDING, WORDING.user_id == ANNA) == 1
    labels.delete_of(ANNA)
    press()
    assert labels.db.rows(WORDING.select()) == []


def test_personal_data_is_masked(labels, press):
    press(" Почем билет, я anna@hse.ru? ")
    (label,) = labels.list_newest(DATASET)
    assert "anna" not in label.question
    assert label.question == label.question.strip()


def test_none_of_the_offered_questions_is_the_last_word(labels, ask, press):
    turn = press()
    labels.put_none(turn, DATASET, "ru")
    none = Label(turn, ANNA, DATASET, LabelKind.NONE, ASKED)
    assert labels.list_newest(DATASET) == [none]
    assert labels.find_meant(DATASET, ASKED) == ""


@pytest.mark.parametrize("answer", [REFUSED, ANSWERED])
def test_only_who_was_offered_questions_can_mean_none(labels, ask, answer):
    labels.put_none(ask(ASKED, answer).turn_id, DATASET, "ru")
    assert labels.list_newest(DATASET) == []


def test_question_that_most_people_meant_is_found_in_any_writing(labels, press):
    press(pressed="Где касса?")
    for _ in range(2):
        press(ASKED.upper(), user_id=BORIS)
    find = partial(labels.find_meant, DATASET)
    assert find(ASKED) in {"Где касса?", TAUGHT}
    press(user_id=ANNA)
    assert find(" почем билет в музей") == TAUGHT
    assert find("Почем билет в цирк?") == ""
    assert labels.find_meant("other", ASKED) == ""


def test_decided_labels_are_deleted(labels, press):
    turns = [press(), press(user_id=BORIS)]
    labels.delete(turns[:1])
    assert [each.turn_id for each in labels.list_newest(DATASET)] == turns[1:]


def test_label_of_a_deleted_question_stays_as_a_correction_does(labels, press):
    turn = press()
    labels.db.change(TURN.delete())
    assert [each.turn_id for each in labels.list_newest(DATASET)] == [turn]
    labels.put_none(turn, DATASET, "ru")
    assert len(labels.list_newest(DATASET)) == 1
