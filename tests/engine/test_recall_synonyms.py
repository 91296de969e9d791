"""Words of a question that were not trained are read as their trained synonyms."""

import itertools

import pymorphy3
import pytest

from merlin.core.messages import Message
from merlin.core.vocabulary import fold
from merlin.engine.trainers.recall import synonyms
from merlin.engine.trainers.recall.synonyms import find_synonyms
from merlin.engine.trainers.recall.text import extract_terms
from tests.engine.test_recall_train import ask, build_model, build_pair, run

pytestmark = pytest.mark.unit

ANALYZER = pymorphy3.MorphAnalyzer(lang="ru")

TRAINED = {
    "How often should I oil the chain?": "Every two hundred kilometres.",
    "Which lock is the safest?": "A hardened shackle lock.",
    "What should I do if my bike was stolen?": "Call the police.",
    "Сколько живёт пчела?": "Сорок дней.",
    "Когда качают мёд?": "В июле.",
    "Чем лечат клеща осенью?": "Полосками.",
    "Как подключиться к VPN?": "По паролю и коду.",
    "Куда обратиться при потере карты?": "В бюро находок.",
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    epochs, _ = run([build_pair(*pair) for pair in TRAINED.items()])
    return build_model(epochs[-1], tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    ("question", "trained"),
    [
        ("how frequently to lubricate it?", "How often should I oil the chain?"),
        ("most secure padlock", "Which lock is the safest?"),
        ("the theft of a bicycle", "What should I do if my bike was stolen?"),
        ("срок пчелиной жизни", "Сколько живёт пчела?"),
        ("осеннее лечение", "Чем лечат клеща осенью?"),
        ("посеял карточку", "Куда обратиться при потере карты?"),
    ],
)
def test_question_that_shares_no_word_is_answered(model, question, trained):
    before = extract_terms(trained)
    assert not [term for term in extract_terms(question) if term[0] in "nv" and term in before]
    assert ask(model, question).text == TRAINED[trained]


def test_latin_abbreviation_in_russian_letters_leads_to_its_question(model):
    assert ask(model, "впн").nearest[0] == "Как подключиться к VPN?"


def test_trained_word_keeps_its_own_meaning():
    assert "frequent" not in find_synonyms({"n:frequent", "n:often"})
    assert not find_synonyms({"n:abc"})
    assert "абс" not in find_synonyms({"n:abs", "n:абс"})


def test_word_without_trained_synonyms_is_unknown(model):
    assert not ask(model, "Сколько стоит шоколад?").known


def test_earlier_turn_is_read_with_synonyms_too(tmp_path):
    follow_ups = [
        [*build_pair("Сколько живёт пчела?", "Сорок дней."), *build_pair("А зимой?", "Полгода.")],
        [*build_pair("Сколько живёт муха?", "Месяц."), *build_pair("А зимой?", "Спит.")],
    ]
    model = build_model(run(follow_ups)[0][-1], tmp_path)
    assert ask(model, "Пчелиный срок", "Сорок дней.", "А зимой?").text == "Полгода."


@pytest.mark.parametrize(
    ("question", "trained"),
    [
        ("How offten to oil teh chian?", "How often should I oil the chain?"),
        ("сколка живёт пчила", "Сколько живёт пчела?"),
        ("чем личат клща осеньу", "Чем лечат клеща осенью?"),
    ],
)
def test_question_with_typing_errors_is_answered(model, question, trained):
    assert ask(model, question).text == TRAINED[trained]


def test_known_and_short_words_are_not_corrected(model):
    text = "Where is the clock, the train, мел и Клуша с челом?"
    assert model.correct_spelling([Message("user", text)]) == [Message("user", text)]


def test_common_words_are_not_corrected_to_similar_trained_ones(tmp_path):
    trained = TRAINED | {"How heavy is a tank?": "A hundred kilograms; small tanks fit on a tile."}
    epochs, _ = run([build_pair(*pair) for pair in trained.items()])
    model = build_model(epochs[-1], tmp_path)
    text = "Hello, is there time? Thanks"
    assert model.correct_spelling([Message("user", text)]) == [Message("user", text)]
    assert not ask(model, "Thanks!").nearest


def test_answers_and_long_pastes_are_not_corrected(model):
    messages = [
        Message("user", "пчила " * 300),
        Message("assistant", "пчила"),
        Message("user", "Пчила?"),
    ]
    assert model.correct_spelling(messages) == [*messages[:2], Message("user", "пчела?")]


def test_latin_word_of_a_russian_list_is_found():
    assert extract_terms("куки", question=False) == ("n:кук",)
    assert find_synonyms(extract_terms("cookie"))["кук"] == ["n:cooki"]


def list_forms(word):
    """Return a word and the forms whose lemma it is."""
    yield word
    for parsed in ANALYZER.parse(word):
        if fold(parsed.normal_form) == word:
            yield from (fold(form.word) for form in parsed.lexeme)


def test_each_word_of_the_lists_can_be_found():
    for group in synonyms.read_groups():
        assert len(group) > 1, group
        for word in itertools.filterfalse(str.isascii, group):
            read = (extract_terms(form, question=False) for form in list_forms(word))
            assert any(terms in ((f"n:{word}",), (f"v:{word}",)) for terms in read), word
