"""Word forms, the queries made of them, and typing errors that are corrected."""

from collections import Counter

import pytest

from merlin.core.vocabulary import (
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


def test_text_is_folded_into_words_that_compare():
    assert fold("  Ёлка\x00И\u0301ва ") == "елка ива"
    assert split_words("c++ и c#, a_b") == ["cplusplus", "и", "csharp", "a", "b"]
    assert split_words("ы" * 70) == ["ы" * 64]


def test_word_is_found_where_it_stands_in_the_original():
    text = "Мо\u0301ре, C++"
    found = [(word, text[start:end]) for word, start, end in word_positions(text)]
    assert found == [("море", "Мо\u0301ре"), ("cplusplus", "C++")]


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("ошибок", "ошибка"),
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
