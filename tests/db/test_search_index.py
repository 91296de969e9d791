"""Entries of the search index, found by words and by meaning on both databases."""

import pytest

from merlin.core.vocabulary import Term, index_words
from merlin.db.search_index import (
    Kind,
    Scope,
    SearchIndex,
    encode_entry,
    encode_in_child,
)

pytestmark = pytest.mark.integration

TREES = Scope((Kind.PASSAGE,), "trees")
EVERYWHERE = Scope((Kind.PASSAGE, Kind.COURSE))
TEXTS = {
    "a": "Обход дерева начинают с корня",
    "b": "Обход графа начинают с вершины",
    "c": "Обход списка",
}


@pytest.fixture
def index(database):
    index = SearchIndex(database)
    index.replace(TREES, None, [make_entry(path) for path in TEXTS])
    index.replace(Scope((Kind.PASSAGE,), "other"), None, [make_entry("a", "other")])
    return index


def make_entry(path, dataset="trees", text=""):
    text = text or TEXTS[path]
    entry = {"kind": Kind.PASSAGE, "dataset": dataset, "path": path, "text": text}
    return {**entry, "words": index_words(text)}


def find_paths(index, numbers):
    return [path for path, _ in index.find_places(numbers)]


def test_rare_word_weighs_more_than_a_common_one(index):
    found = index.rank_by_words(TREES, ["обход", "граф"])
    assert find_paths(index, found)[0] == "b"
    assert {*find_paths(index, found)} == {"a", "b", "c"}
    assert index.rank_by_words(TREES, []) == []


def test_every_term_is_matched_within_the_scope(index):
    counts = []
    for scope in (TREES, EVERYWHERE):
        source, values = index.match(scope, [Term(("дерев",)), Term(("обход",))])
        query = f"SELECT id FROM {source} AS found"  # noqa: S608 - our own words
        counts.append(len(index.db.sql(query, *values)))
    assert counts == [1, 2]


def test_entries_of_some_paths_are_replaced(index):
    index.replace(TREES, ["b", "c"], [make_entry("b", text="Поиск в ширину")])
    texts = [text for _, text in index.list_unencoded(9)]
    assert texts == ["Поиск в ширину", TEXTS["a"], TEXTS["a"]]
    assert index.read_vocabulary(TREES) is not None


def test_meaning_is_found_once_the_texts_are_encoded(index):
    assert index.rank_by_meaning(TREES, "дерево", 5, -1) == {}
    waiting = index.list_unencoded(9)
    encoded = encode_in_child([text for _, text in waiting])
    assert encoded == [encode_entry(text) for _, text in waiting]
    index.store_vectors(
        (number, vector) for (number, _), vector in zip(waiting, encoded, strict=True)
    )
    assert index.list_unencoded(9) == []
    near = index.rank_by_meaning(TREES, TEXTS["b"], 2, -1)
    assert find_paths(index, [*near])[0] == "b"
    assert len(near) == 2
    ranked = index.rank(TREES, "Как обходят граф?", example="Обход графа")
    assert find_paths(index, ranked)[0] == "b"
    assert index.rank(TREES, "и в на") == []


def test_vectors_of_another_encoder_are_not_compared(index):
    ((number, text), *_) = index.list_unencoded(1)
    index.store_vectors([(number, b"anothers" + encode_entry(text)[8:])])
    assert index.rank_by_meaning(EVERYWHERE, text, 5, -1) == {}


def test_entry_with_a_word_of_the_question_is_near_whatever_it_means(index):
    question = "С чего начинают?"
    vector = encode_entry(question)
    opposite = vector[:8] + bytes((256 - each) % 256 for each in vector[8:])
    index.store_vectors(
        (number, vector if text == TEXTS["c"] else opposite)
        for number, text in index.list_unencoded(9)
    )
    ranked = index.rank(TREES, question)
    assert find_paths(index, ranked) == ["a", "b", "c"]


def test_stem_that_nobody_wrote_is_no_word_of_the_vocabulary(index):
    vocabulary = index.read_vocabulary(TREES)
    assert vocabulary.similar_words("обхот") == ("обход",)
    assert vocabulary.similar_words("вершинв") == ("вершины",)
    assert vocabulary.similar_words("вершит") == ()


def test_vectors_of_another_encoder_are_forgotten(index):
    ((number, text), *_) = index.list_unencoded(1)
    index.store_vectors([(number, encode_entry(text))])
    assert not index.forget_vectors()
    index.store_vectors([(number, b"anothers" + bytes(512))])
    assert index.forget_vectors()
    assert (number, text) in index.list_unencoded(9)
