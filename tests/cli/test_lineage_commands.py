"""`merlin impact` and `merlin why` on a dataset that serves."""

import re

import pytest

from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from tests.support.opened_databases import open_with_key

pytestmark = pytest.mark.functional
BOT = 7
ANNA = 1001
QUESTION = "Что значит слово номер 3, понятие гггг?"
ANSWER = "Понятие 3 значит ответ 21."


@pytest.fixture
def store_answer(lab):
    """Return a function that stores an answer of the serving model to anna; it returns the id."""

    def answer(said, number=1, known=None, model=""):
        model = model or lab.status()["serving"]["model"]
        with open_with_key(lab.config) as database:
            session = Sessions(database, BOT).open(ChatPlace(ANNA, ANNA))
            question = Question(session.session_id, number, ANNA, QUESTION, number)
            turn = Turns(database, BOT).ask(question, number)
            written = StoredAnswer(
                said, provider="stand-in", model_id=model, known=known
            )
            Turns(database, BOT).write(number, written)
        return str(turn.turn_id)

    return answer


def test_impact_of_an_example_is_shown_as_text_and_json(
    lab, run, run_json, store_answer
):
    turn = store_answer(ANSWER)
    document = run_json("impact", "datasets/trial/examples/q3.yaml")
    assert (document["dataset"], document["example"], document["newest_builds"]) == (
        "trial",
        "q3",
        ["trial-1"],
    )
    assert (document["models"], document["newest_answers"][0]["turn"]) == (1, int(turn))
    assert document["newest_models"][0]["serves"] is True
    code, captured = run("impact", "q3")
    assert code == 0
    for words in ("trial-1", document["newest_models"][0]["model"], "1 (trial-1)"):
        assert words in captured.out


def test_trained_answer_names_its_example(run, run_json, store_answer):
    turn = store_answer(ANSWER)
    document = run_json("why", turn)
    assert (
        document["origin"]["build"],
        [*document["said_by"]],
        document["nearest"],
    ) == (
        "trial-1",
        ["q3"],
        [],
    )
    code, captured = run("why", turn)
    assert code == 0
    assert "trial-1" in captured.out
    assert re.search(r"time: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+\n", captured.out)
    assert f"Source: q3 ({document['said_by']['q3'][:10]})\n" in captured.out
