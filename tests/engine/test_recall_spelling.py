"""`recall` and questions with slips: typing errors, the other keyboard layout, Latin letters."""

import pytest

from merlin.core.messages import Message
from tests.engine.recall_models import build_talks, train_and_load

pytestmark = pytest.mark.unit

FACTS = {
    "Как получить загранпаспорт?": "Подайте заявление на портале.",
    "Сколько стоит проезд в автобусе?": "Поездка стоит 42 рубля.",
    "Как записать ребёнка в детский сад?": "Подайте заявление до июня.",
    "Когда отключат горячую воду?": "График висит с апреля.",
    "How do I cancel my subscription?": "Settings, Billing, Cancel.",
    "Can you tell my colleague about it?": "We write to your team.",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("recall") / "model"
    return train_and_load(build_talks(FACTS), path)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("как получить загранпасорт", "Как получить загранпаспорт?"),
        ("как получить загран паспорт", "Как получить загранпаспорт?"),
        ("сколько стоит проезд в атвобусе", "Сколько стоит проезд в автобусе?"),
        ("Когда отключат горячуюю воду?", "Когда отключат горячую воду?"),
        ("how do i cnacel my subscription", "How do I cancel my subscription?"),
        ("rjulf jnrk.xfn ujhzxe. djle", "Когда отключат горячую воду?"),
        ("kak poluchit zagranpasport", "Как получить загранпаспорт?"),
    ],
)
def test_slip_gets_the_answer_of_what_was_meant(model, asked, meant):
    assert model.answer([Message("user", asked)]).text == FACTS[meant]


@pytest.mark.parametrize(
    "text",
    [
        "How do I sell my subscription?",  # a word, one letter from "tell"
        "Как сделать загранник?",  # no taught word is near
        "Сколько стоит сап?",  # too short
        "Как записать ребёнка в сад? "
        + "И загранпасорт. " * 10,  # longer than what is encoded
        "👍 1234",
    ],
)
def test_what_is_no_slip_stays(model, text):
    assert model._spelling.correct(text) == text


def test_short_word_that_is_all_of_a_question_is_only_offered_when_it_was_corrected(
    tmp_path,
):
    talks = build_talks({"What is a tree?": "A graph.", "Where is the lab?": "Here."})
    model = train_and_load(talks, tmp_path / "model")
    answer = model.answer([Message("user", "What is a trie?")])
    assert (answer.known, answer.nearest[:1]) == (False, ("What is a tree?",))
    answer = model.answer([Message("user", "What is a tree?")])
    assert answer.known
