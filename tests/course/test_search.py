"""Words, the vocabulary, terms of a query, and the matches to highlight in a text."""

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
import snowballstemmer

from merlin.core.vocabulary import (
    Term,
    Vocabulary,
    count_words,
    fold,
    parse_terms,
    split_words,
    stem,
)
from merlin.course.search import SearchResult, highlight_spans

pytestmark = pytest.mark.unit

TEXTS = ("алгоритмы и структуры данных\nalgorithms", "базы данных\nизучение sql и c++")


@pytest.fixture
def vocabulary():
    return Vocabulary(count_words(TEXTS))


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
def test_case_yo_accents_and_spaces_are_folded(text, folded):
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
def test_words_consist_of_letters_and_digits(text, words):
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


@pytest.fixture
def frequent_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("frequent_switches")
def test_several_threads_stem_at_once():
    roots = ("nation", "relat", "condit", "hope", "adjust")
    endings = ("ional", "fulness", "ments")
    prefixes = map("".join, product("bcdfgklm", "aeiou", "bcdfgklm"))
    words = [
        prefix + root + end for prefix, root, end in product(prefixes, roots, endings)
    ]
    with ThreadPoolExecutor(4) as threads:
        stems = list(threads.map(stem, words))
    assert stems == snowballstemmer.stemmer("english").stemWords(words)


def test_last_word_is_also_a_prefix_and_stop_words_are_dropped():
    assert parse_terms("базы и данн") == (Term(("баз",)), Term(("дан",), "данн"))
    assert parse_terms("и") == (Term(("и",), "и"),)
    assert parse_terms("") == ()
    assert len(parse_terms("слово " * 20)) == 8


@pytest.mark.parametrize(
    "query", ["алгоритм", "алг", "данными", "ломоносов", "abc", "sq", "", "!"]
)
def test_known_or_unrecognisable_words_are_not_corrected(vocabulary, query):
    assert vocabulary.corrections(query, 8) is None


def highlight(text, query, *more):
    letters = fold(query)
    result = SearchResult(terms=(*parse_terms(letters), *more), letters=letters)
    return [text[start:end] for start, end in highlight_spans(text, result)]


HIGHLIGHTED = [
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
]


def test_matches_are_highlighted_in_the_original_text():
    for text, query, parts in HIGHLIGHTED:
        assert highlight(text, query) == parts
