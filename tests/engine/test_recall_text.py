"""Extraction of terms from a question, and their features with fixed vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merlin.engine.trainers.recall.space import WEIGHTS, Space, build_features, draw_signs
from merlin.engine.trainers.recall.text import NO_WORDS, extract_terms

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Какие черты лица?", "n:черт"),
        ("о лбах", "n:лбах"),
        ("чёрная логика", "n:черн"),
        ("Как создать класс?", "v:созда"),
        ("Как создать класс?", "f:как"),
        ("Чем / отличается от //?", "n://"),
        ("Чем / отличается от //?", "n:/"),
        ("что значат *args", "n:*args"),
        ("зачем __name__", "n:__name__"),
        ("почему 0.1 + 0.2", "n:0.1"),
        ("на 2 стеках", "n:2"),
        ("O, Ω и Θ", "n:ω"),
        ("Ма\u0301стер и Маргари\u0301та", "n:маргарит"),
        ("и\u0306огурт", "n:йогурт"),
        ("Зачем нужен with?", "n:with"),
        ("come with me", "f:with"),
        ("What are functions?", "n:function"),
    ],
)
def test_text_has_the_term(text, term):
    assert term in extract_terms(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Чем логик отличается от этика?", "diff"),
        ("Назови восемь аспектов", "list"),
        ("Что такое стек?", "def"),
        ("Почему небо голубое?", "why"),
        ("Кто создал соционику?", "who"),
        ("Как найти дуала?", "how"),
        ("Можно ли по лицу найти болезнь?", "yesno"),
        ("Why is it slow?", "why"),
    ],
)
def test_question_has_its_kind(text, kind):
    assert f"i:{kind}" in extract_terms(text)
    assert f"i:{kind}" not in extract_terms(text, question=False)


@pytest.mark.parametrize("text", ["", "   ", "?!", "👍"])
def test_text_without_words_still_has_one_term(text):
    assert extract_terms(text) == (NO_WORDS,)


@given(st.text(max_size=200))
def test_any_text_has_distinct_terms_with_features(text):
    terms = extract_terms(text)
    assert terms
    assert len(set(terms)) == len(terms)
    for term in terms:
        hashes, values = build_features(term)
        assert len(hashes) == len(values) > 0
        assert (values > 0).all()


def test_ngrams_of_a_word_weigh_together_as_much_as_the_word():
    _, values = build_features("n:соционика")
    assert values[0] == WEIGHTS["n"]
    assert np.sum(values[1:] ** 2) == pytest.approx(WEIGHTS["n"] ** 2, rel=1e-5)


def test_only_the_beginning_of_a_very_long_word_has_ngrams():
    longest, longer = "0123456789" * 10, "0123456789" * 10 + "abcdef" * 20_000
    grams = [set(build_features(f"n:{word}")[0][1:]) for word in (longest, longer)]
    assert grams[0] == grams[1]
    assert build_features(f"n:{longest}")[0][0] != build_features(f"n:{longer}")[0][0]


def test_earlier_turn_weighs_less_and_has_other_features():
    now, before = build_features("n:дуал"), build_features("<n:дуал")
    assert not set(now[0]) & set(before[0])
    assert np.allclose(before[1], now[1] / 2)


def test_vectors_depend_only_on_hash_and_seed():
    hashes = np.arange(1000)
    vectors = draw_signs(hashes, seed=7, dimensions=128)
    assert np.array_equal(draw_signs(hashes[::-1], 7, 128)[::-1], vectors)
    assert not np.allclose(draw_signs(hashes, 8, 128), vectors)
    assert np.allclose(np.sum(vectors**2, axis=1), 1.0)
    assert abs((vectors[:-1] * vectors[1:]).sum(1)).mean() < 0.1


def test_unseen_feature_has_mass_but_no_vector():
    space = Space.from_documents([("n:стек",), ("n:дек",)], 0, 128, "", np.zeros((0, 0)))
    placed, mass = space.place_words(["n:стек", "n:хиромантия"])
    assert np.linalg.norm(placed[0]) > 0
    assert np.linalg.norm(placed[1]) == 0
    assert mass[1] > mass[0] > 0
