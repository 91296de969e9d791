"""Extraction of terms from a question, and their features with fixed vectors."""

import pytest
from hypothesis import given, strategies as st

from merlin.engine.trainers.recall.space import build_features
from merlin.engine.trainers.recall.text import NO_WORDS, extract_terms

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Какие черты лица?", "n:черт"),
        ("чёрная логика", "n:черн"),
        ("Как создать класс?", "v:созда"),
        ("Как создать класс?", "f:как"),
        ("Чем / отличается от //?", "n://"),
        ("Чем / отличается от //?", "n:/"),
        ("что значат *args", "n:*args"),
        ("зачем __name__", "n:__name__"),
        ("почему 0.1 + 0.2", "n:0.1"),
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
