"""Unanswered questions, from the command line."""

from dataclasses import replace

import pytest

from merlin.account.users import Consents
from merlin.app.proposals import CONSENT_VERSION
from merlin.chat.feedback import EditorQuestions
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.dataset.example import normalise
from merlin.wiring.context import make_cipher, open_migrated_database

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(committed_lab):
    committed_lab.tick("fetch")
    return committed_lab


def test_questions_are_grouped_and_those_without_consent_hidden(lab, run_json, run):
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        turns = Turns(database, 7)
        for number, (user_id, words) in enumerate(
            ((1, "Куда девать массив?"), (1, "куда девать массивы"), (2, "Секрет?")), 1
        ):
            session = Sessions(database, 7).open(ChatPlace(user_id, user_id))
            Sessions(database, 7).change(replace(session, dataset="trial"))
            turns.ask(Question(session.session_id, number, user_id, words, number), number)
            turns.write(number, StoredAnswer("Не знаю.", known=False))
        Consents(database).give(1, CONSENT_VERSION)
    document = run_json("unanswered", "trial")
    (group,) = document["questions"]
    assert (group["times"], group["refused"], group["state"]) == (2, 2, "waiting")
    assert group["wordings"] == [["куда девать массивы", 1], ["Куда девать массив?", 1]]
    assert document["hidden"] == 1
    code, table = run("unanswered", "trial")
    assert (code, "куда девать массивы" in table.out, "Секрет" in table.out) == (0, True, False)
    assert run("unanswered", "nothing")[0] != 0


def test_dismissed_questions_make_room_for_older_ones_which_are_counted(lab, run_json, run):
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        questions = EditorQuestions(database)
        for number in range(203):
            questions.add(3, "trial", f"Что такое {number}?", 0, 1_000)
        questions.dismiss("trial", [normalise("Что такое 202?")], "boris")
    document = run_json("unanswered", "trial")
    listed = [group["question"] for group in document["questions"]]
    assert (listed[0], listed[-1], document["older"]) == ("Что такое 201?", "Что такое 2?", 2)
    assert "2 older questions" in run("unanswered", "trial")[1].err
