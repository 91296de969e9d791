"""Words, the vocabulary, terms of a query, and the matches to highlight in a text."""

from __future__ import annotations

import pytest

from merlin.core.vocabulary import (
    Term,
    Vocabulary,
    fold,
    index_words,
    parse_terms,
    split_words,
    stem,
    word_positions,
)
from merlin.course.search import SearchResult, VersionCache, highlight_spans, search

pytestmark = pytest.mark.unit

TEXTS = ("алгоритмы и структуры данных\nalgorithms", "базы данных\nизучение sql и c++")


@pytest.fixture
def vocabulary():
    return Vocabulary(TEXTS)


class OneTextIndex:
    """An index of one text that counts how often its texts are read."""

    def __init__(self, *hits):
        self.hits = hits
        self.reads = 0

    def rank_hits(self, terms, _kind, most):
        is_known = all(set(term.stems) & {stem("алгоритмы")} for term in terms)
        return list(self.hits)[:most] if is_known else []

    def containing(self, letters, _kind, most):
        return list(self.hits)[:most] if letters in TEXTS[0] else []

    def texts(self):
        self.reads += 1
        return TEXTS


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  ЁЛКА\tи \n пень ", "елка и пень"),
        ("е\u0308лка", "елка"),
        ("за\u0301мок", "замок"),
        ("Straße", "strasse"),
        ("a\0b\ud800c\x1fd", "a b c d"),
        ("йод", "йод"),
        ("", ""),
    ],
)
def test_letter_case_yo_accents_and_blanks_make_no_difference(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c++ и c# не c", ["cplusplus", "и", "csharp", "не", "c"]),
        ('"a" NEAR(b) col:c*', ["a", "NEAR", "b", "col", "c"]),
        ("snake_case", ["snake", "case"]),
        ("!!!", []),
        ("я" * 100, ["я" * 64]),
    ],
)
def test_words_are_letters_and_digits_alone(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("сортировок", "сортировка"),
        ("чисел", "число"),
        ("тестировать", "тестирование"),
        ("систему", "системы"),
        ("люди", "человек"),
        ("graphs", "graph"),
    ],
)
def test_forms_of_a_word_have_one_stem(one, other):
    assert stem(one) == stem(other)


def test_an_index_holds_a_word_beside_its_stem():
    assert index_words("Матрицы, граф") == "матриц матрицы граф"


def test_the_last_word_may_be_half_typed_and_small_ones_say_nothing():
    assert parse_terms("базы и данн") == (Term(("баз",)), Term(("дан",), "данн"))
    assert parse_terms("и") == (Term(("и",), "и"),)
    assert parse_terms("") == ()
    assert len(parse_terms("слово " * 20)) == 8


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("алгаритмы", [("алгоритмы",)]),
        ("лагоритмы", [("алгоритмы",)]),
        ("алгоритмыы", [("алгоритмы",)]),
        ("алгритмы", [("алгоритмы",)]),
        ("алгаритмам", [("алгоритмы",)]),
        ("алгари", [("алгоритмы",)]),
        ("базы днаных", [("базы",), ("данных",)]),
        ("fkujhbnvs", [("алгоритмы",)]),
        (",fps lfyys[", [("базы",), ("данных",)]),
        ("фдпщкшерьы", [("algorithms",)]),
    ],
)
def test_one_slip_of_the_finger_and_the_wrong_keyboard_are_put_right(vocabulary, query, corrected):
    assert vocabulary.corrections(query, 8) == corrected


@pytest.mark.parametrize("query", ["алгоритм", "алг", "данными", "ломоносов", "abc", "sq", "", "!"])
def test_what_is_known_or_like_nothing_known_is_left_as_it_is(vocabulary, query):
    assert vocabulary.corrections(query, 8) is None


def test_the_words_are_learnt_once_for_each_version():
    version, index, cache = 1, OneTextIndex((1, 0)), VersionCache()

    def read_vocabulary():
        return cache.read(version, lambda: Vocabulary(index.texts()))

    for _ in range(3):
        assert search(index, read_vocabulary, "алгаритмы").suggestion == "алгоритмы"
    assert index.reads == 1
    version = 2
    search(index, read_vocabulary, "алгаритмы")
    assert index.reads == 2


def test_a_query_that_finds_enough_is_not_put_right():
    index = OneTextIndex((1, 0), (2, 0), (3, 0))
    result = search(index, lambda: Vocabulary(index.texts()), "алгоритм")
    assert (result.hits, result.suggestion, index.reads) == (((1, 0), (2, 0), (3, 0)), "", 0)


@pytest.mark.parametrize("query", ["", "   ", "\0", "\u0301"])
def test_a_query_of_nothing_finds_nothing(query):
    assert search(OneTextIndex((1, 0)), lambda: Vocabulary(TEXTS), query) == SearchResult()


def highlight(text, query, *more):
    letters = fold(query)
    result = SearchResult(terms=(*parse_terms(letters), *more), letters=letters)
    return [text[start:end] for start, end in highlight_spans(text, result)]


@pytest.mark.parametrize(
    ("text", "query", "parts"),
    [
        ("Алгоритмы и алгоритмика", "алгоритмов", ["Алгоритмы"]),
        ("Алгоритмы и алгоритмика", "алгор", ["Алгор", "алгор"]),
        ("Курс «Базы данных»: данные", "база данные", ["Базы", "данных", "данные"]),
        ("Свёрточные СЕТИ", "сверточная сеть", ["Свёрточные", "СЕТИ"]),
        ("за\u0301мок у озера", "замок", ["за\u0301мок"]),
        ("е\u0308лки", "елка", ["е\u0308лки"]),
        ("Язык C++", "c++", ["C++"]),
        ("Два  слова", "два слова", ["Два  слова"]),
        ("нейронные", "йронн", ["йронн"]),
        ("ﬁnal Straße", "strass", ["Straße"]),
        ("ничего", "другое", []),
        ("", "слово", []),
    ],
)
def test_what_was_found_is_marked_in_the_text_as_it_stands(text, query, parts):
    assert highlight(text, query) == parts


def test_what_was_meant_is_marked_too():
    assert highlight("Алгоритмы", "алгаритмы", Term((stem("алгоритмы"),))) == ["Алгоритмы"]


def test_every_word_of_a_text_has_its_place():
    text = "За\u0301мок, C++ и Ёж"
    assert [(word, text[start:end]) for word, start, end in word_positions(text)] == [
        ("замок", "За\u0301мок"),
        ("cplusplus", "C++"),
        ("и", "и"),
        ("еж", "Ёж"),
    ]
