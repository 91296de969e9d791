"""Word forms, the queries made of them, and typing errors that are corrected."""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
import snowballstemmer

from merlin.core.vocabulary import (
    Term,
    Vocabulary,
    count_words,
    fold,
    index_words,
    list_subject_stems,
    match_query,
    parse_terms,
    read_otherwise,
    split_words,
    stem,
    vector_query,
    word_positions,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  ЁЛКА\tи \n пень ", "елка и пень"),
        ("  Ёлка\x00И\u0301ва ", "елка ива"),
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
        ("c++ и c# не c, a_b", ["cplusplus", "и", "csharp", "не", "c", "a", "b"]),
        ('"a" NEAR(b) col:c*', ["a", "NEAR", "b", "col", "c"]),
        ("!!!", []),
        ("ы" * 70, ["ы" * 64]),
    ],
)
def test_words_consist_of_letters_and_digits(text, words):
    assert split_words(text) == words


def test_word_is_found_where_it_stands_in_the_original():
    text = "Мо\u0301ре, C++"
    found = [(word, text[start:end]) for word, start, end in word_positions(text)]
    assert found == [("море", "Мо\u0301ре"), ("cplusplus", "C++")]


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("ошибок", "ошибка"),
        ("сортировок", "сортировка"),
        ("систему", "системы"),
        ("чисел", "число"),
        ("тестировать", "тестирование"),
        ("люди", "человек"),
        ("trees", "tree"),
    ],
)
def test_forms_of_a_word_have_one_stem(word, other):
    assert stem(word) == stem(other)


def test_number_and_word_of_another_script_are_their_own_stems():
    assert [stem("2026"), stem("数")] == ["2026", "数"]


def test_subject_of_a_question_is_each_of_its_words_but_function_words():
    stems = list_subject_stems("Как обойти дерево и how to walk деревья?")
    assert stems == [stem("обойти"), stem("дерево"), "walk"]


def test_text_is_indexed_by_stems_and_by_words():
    assert index_words("Trees 7") == "tree trees 7"


def test_query_matches_each_word_and_the_last_one_as_a_beginning():
    terms = parse_terms(fold("Деревья на trees"))
    tree = stem("деревья")
    assert match_query(terms) == f'("{tree}") AND ("tree" OR "trees"*)'
    assert vector_query(terms) == f"('{tree}') & ('tree' | 'trees':*)"


WORDS = Counter({"деревья": 5, "дерево": 2, "алгоритм": 3, "граф": 1, "python": 4})


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("деревьев", None),
        ("алг", None),
        ("алгорит граф", [("алгоритм",), ("граф",)]),
        ("pyhton", [("python",)]),
        ("алгаритм", [("алгоритм",)]),
        ("деревоо граф", [("дерево",), ("граф",)]),
        ("алгаритмами граф", [("алгоритм",), ("граф",)]),
        ("граф алга", [("граф",), ("алгоритм",)]),
        ("fkujhbnv", [("алгоритм",)]),
        ("algoritm", [("алгоритм",)]),
        ("зщз", None),
        ("алгоритм", None),
        ("sq", None),
        ("abc", None),
        ("", None),
        ("!", None),
        ("неизвестность", None),
    ],
)
def test_query_is_corrected_if_each_of_its_words_has_a_similar_one(query, corrected):
    assert Vocabulary(WORDS).corrections(query, 8) == corrected


def test_short_word_has_no_similar_one():
    words = Vocabulary(WORDS)
    assert words.similar_words("гра") == words.completions("алг") == ()
    assert words.similar_words("алгаритмами", min_stem_length=20) == ()


def test_words_are_counted_in_all_texts():
    assert count_words(["a b", "b c++"]) == {"a": 1, "b": 2, "cplusplus": 1}


def test_text_is_read_in_the_other_layout_and_as_russian_in_latin_letters():
    assert list(read_otherwise("ghbdtn")) == ["привет", "гхбдтн"]
    assert list(read_otherwise("привет")) == ["ghbdtn"]
    assert list(read_otherwise("хъ")) == []


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
