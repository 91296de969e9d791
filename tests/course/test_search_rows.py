"""Search in courses as commits have stored them: judged and hostile queries, and highlights."""

import random

import pytest

from merlin.core.vocabulary import fold, parse_terms
from merlin.course.search import SearchResult, highlight_spans
from merlin.db.tables import CATALOGUE_VERSION, CHANGE_COUNTER
from tests.db.pipeline_rows import (
    AT,
    JUDGED,
    CourseCatalogue,
    judged_courses,
    make_course,
)

integration = pytest.mark.integration

PYTHON = make_course(
    "Питон", "Python", ("Язык для начала.", "A first language."), ["Циклы", "Списки"]
)


@pytest.fixture
def catalogue(database):
    return CourseCatalogue(database)


def measure_recall(catalogue, group):
    """Return the mean share of the expected courses among the first ten, and the missed queries."""
    shares = []
    missed = []
    for query, expected in JUDGED[group].items():
        found = catalogue.found(str(query))
        shares.append(len(set(expected) & set(found)) / len(expected))
        if shares[-1] < 1:
            missed.append(query)
    return sum(shares) / len(shares), missed


@integration
def test_two_hundred_judged_queries_find_their_courses(catalogue):
    catalogue.teach(judged_courses())
    assert sum(len(JUDGED[group]) for group in JUDGED if group != "courses") >= 200
    for group, least in (
        ("forms", 0.95),
        ("prefixes", 0.95),
        ("typos", 0.8),
        ("keyboard", 1.0),
    ):
        recall, missed = measure_recall(catalogue, group)
        assert recall >= least, missed


@integration
def test_match_in_the_name_ranks_above_the_description(catalogue):
    catalogue.teach(
        {
            "about": make_course(
                "Информатика", about=("Графы и снова графы, а ещё графы.", "")
            ),
            "named": make_course("Графы", about=("Теория.", "")),
        }
    )
    assert catalogue.found("граф") == ["named", "about"]


@integration
@pytest.mark.parametrize(
    ("query", "found"),
    [("питон язык", ["python"]), ("python first", ["python"]), ("питон машина", [])],
)
def test_all_words_must_match_in_either_language(catalogue, query, found):
    catalogue.teach(
        {"python": PYTHON, "other": make_course("Язык Си", "The C language")}
    )
    assert catalogue.found(query) == found


@integration
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("граф", ["graph", "geo"]),
        ("мпьютер", []),
        ("еографы МИ", ["geo"]),
        ("ия", ["no"]),
    ],
)
def test_matches_inside_words_rank_below_whole_words(catalogue, query, found):
    catalogue.teach(
        {
            "graph": make_course("Графы"),
            "geo": make_course("Географы мира"),
            "no": make_course("Химия"),
        }
    )
    assert catalogue.found(query) == found


@integration
@pytest.mark.parametrize(
    "letters", ["50%", "a_b", "[x]", "*?", "«в»", "\\", "' OR 1=1"]
)
def test_special_characters_are_matched_literally(catalogue, letters):
    catalogue.teach(
        {
            "a": make_course(f"Курс {letters} здесь"),
            "b": make_course("Курс 501 aXb x OR 1"),
        }
    )
    assert catalogue.found(letters)[:1] == ["a"]


@integration
def test_number_of_results_is_limited(catalogue):
    catalogue.teach({f"graph-{n:02d}": make_course(f"Графы {n}") for n in range(12)})
    assert len(catalogue.found("графы", limit=5)) == 5
    assert len(catalogue.found("раф", limit=5)) == 5


@integration
def test_query_with_few_results_is_corrected(catalogue):
    catalogue.teach({"algorithms": make_course("Алгоритмы")})
    assert catalogue.search("алгаритмы").suggestion == "алгоритмы"
    catalogue.teach({f"a{n}": make_course("Алгоритмика") for n in range(3)})
    result = catalogue.search("алгоритмик")
    assert ([*result.hits], result.suggestion) == (["a0", "a1", "a2"], "")


@integration
def test_course_is_found_by_the_title_of_a_material(catalogue):
    catalogue.teach({"python": PYTHON, "other": make_course("Химия", titles=["Соли"])})
    lists = catalogue.rows.materials("python")[1]
    assert catalogue.search("списков").hits == {"python": [lists.material_id]}


@integration
def test_index_follows_each_commit(catalogue):
    catalogue.teach({"python": PYTHON, "gone": make_course("Старое")})
    assert catalogue.found("старое") == ["gone"]
    catalogue.teach({"python": make_course("Змея", titles=["Множества"])})
    assert [catalogue.found(name) for name in ("питон", "старое", "змея")] == [
        [],
        [],
        ["python"],
    ]
    catalogue.teach({"python": make_course("Змея", active=False)})
    assert catalogue.found("змея") == []


@integration
def test_query_never_fails_and_has_no_operators(catalogue):
    catalogue.teach(judged_courses())
    everything = {
        f"-{catalogue.rows.find_course(slug).course_id}" for slug in judged_courses()
    }
    for query in make_hostile_queries(300):
        result = catalogue.search(query, limit=100)
        assert len(result.hits) <= len(everything)
    for query in ('name: "алгоритмы"', "алгоритмы NOT химия", "NEAR(алгоритмы химия)"):
        assert catalogue.found(query) == []
    assert (
        catalogue.found('"алгоритмы"')
        == catalogue.found("алгоритмы*")
        == ["algorithms"]
    )
    assert catalogue.found("алгоритмы' OR '1'='1") == []


def make_hostile_queries(count):
    """Yield queries of signs and words that a database could take for syntax."""
    rng = random.Random(20)  # noqa: S311 - the same queries each time
    signs = [
        *"\"'*()^:{}[]-+&|!<>%_?\\;,.~@#\0\x1b\ud800\u202e\u0301",
        "NEAR(",
        "OR",
        "AND",
        "NOT",
    ]
    words = [
        "алгоритм",
        "граф",
        "data",
        "c++",
        "1e5",
        "3.14",
        "а",
        "ё",
        "\U0001f600",
        "Ǆ",
        "ﬁ",
    ]
    for _ in range(count):
        yield rng.choice(["", " "]).join(
            rng.choices(signs + words, k=rng.randint(1, 12))
        )


@integration
def test_versions_increase_and_are_never_reused(catalogue, database):
    catalogue.teach({"python": PYTHON})
    first = catalogue.rows.version()
    catalogue.teach({"python": PYTHON})
    assert catalogue.rows.version() > first > AT.timestamp() * 1000 - 10**12
    database.update(CHANGE_COUNTER, CHANGE_COUNTER.id == CATALOGUE_VERSION, counter=1)
    catalogue.teach({"python": PYTHON})
    assert catalogue.rows.version() > first


def highlight(text, query):
    letters = fold(query)
    result = SearchResult(terms=parse_terms(letters), letters=letters)
    return [text[start:end] for start, end in highlight_spans(text, result)]


MATCHES = [
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


@pytest.mark.unit
@pytest.mark.parametrize(("text", "query", "parts"), MATCHES)
def test_matches_are_highlighted_in_the_original_text(text, query, parts):
    assert highlight(text, query) == parts
