"""Search in courses as commits have stored them: judged and hostile queries."""

import random

import pytest

from merlin.db.tables import CATALOGUE_VERSION, CHANGE_COUNTER
from tests.db.pipeline_rows import (
    AT,
    JUDGED,
    CourseCatalogue,
    judged_courses,
    make_course,
)

pytestmark = pytest.mark.integration

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


def test_all_words_must_match_in_either_language(catalogue):
    catalogue.teach(
        {"python": PYTHON, "other": make_course("Язык Си", "The C language")}
    )
    assert catalogue.found("питон язык") == ["python"]
    assert catalogue.found("python first") == ["python"]
    assert catalogue.found("питон машина") == []


def test_matches_inside_words_rank_below_whole_words(catalogue):
    catalogue.teach(
        {
            "graph": make_course("Графы"),
            "geo": make_course("Географы мира"),
            "no": make_course("Химия"),
        }
    )
    assert catalogue.found("граф") == ["graph", "geo"]
    assert catalogue.found("мпьютер") == []
    assert catalogue.found("еографы МИ") == ["geo"]
    assert catalogue.found("ия") == ["no"]


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


def test_number_of_results_is_limited(catalogue):
    catalogue.teach({f"graph-{n:02d}": make_course(f"Графы {n}") for n in range(12)})
    assert len(catalogue.found("графы", limit=5)) == 5
    assert len(catalogue.found("раф", limit=5)) == 5


def test_query_with_few_results_is_corrected(catalogue):
    catalogue.teach({"algorithms": make_course("Алгоритмы")})
    assert catalogue.search("алгаритмы").suggestion == "алгоритмы"
    catalogue.teach({f"a{n}": make_course("Алгоритмика") for n in range(3)})
    result = catalogue.search("алгоритмик")
    assert ([*result.hits], result.suggestion) == (["a0", "a1", "a2"], "")


def test_course_is_found_by_the_title_of_a_material(catalogue):
    catalogue.teach({"python": PYTHON, "other": make_course("Химия", titles=["Соли"])})
    lists = catalogue.rows.materials("python")[1]
    assert catalogue.search("списков").hits == {"python": [lists.material_id]}


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


def test_versions_increase_and_are_never_reused(catalogue, database):
    catalogue.teach({"python": PYTHON})
    first = catalogue.rows.version()
    catalogue.teach({"python": PYTHON})
    assert catalogue.rows.version() > first > AT.timestamp() * 1000 - 10**12
    database.update(CHANGE_COUNTER, CHANGE_COUNTER.id == CATALOGUE_VERSION, counter=1)
    catalogue.teach({"python": PYTHON})
    assert catalogue.rows.version() > first
