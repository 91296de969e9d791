"""What is searched and filtered of a dataset's examples, as their files come and go."""

from __future__ import annotations

import pytest

from merlin.core.vocabulary import stem
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.files import FileIndex
from merlin.git.source import blob_id
from tests.db.pipeline_rows import FACE, PipelineRows, make_examples, make_finding, make_spec

pytestmark = pytest.mark.integration

ALL = ExampleFilter()


def example(question, answer="Так.", tags=""):
    said = f"tags: [{tags}]\n" if tags else ""
    return f"messages:\n  - user: {question!r}\n  - assistant: {answer!r}\n{said}"


class Shelf:
    """Datasets whose files are written as the daemon writes them."""

    def __init__(self, db):
        self.db = db
        self.files = FileIndex(db)
        self.entries = ExampleEntries(db)
        self.trees = 0

    def put(self, dataset, texts):
        """Let these files lie there: id -> text, None for one that is gone."""
        blobs = {name: None if text is None else blob_id(text) for name, text in texts.items()}
        self.files.add({blobs[name]: text for name, text in texts.items() if text is not None})
        self.trees += 1
        paths = {f"examples/{name}.yaml": blob for name, blob in blobs.items()}
        self.files.keep(dataset, str(self.trees), paths)

    def found(self, dataset="face", limit=50, before=0, **wanted):
        part = self.entries.find(dataset, ExampleFilter(**wanted), limit, before)
        return [entry.example_id for entry in part]


@pytest.fixture
def shelf(database):
    made = Shelf(database)
    made.put("face", {"a": example("Что за лоб?", tags="лицо"), "b": example("Какие брови?")})
    return made


def test_what_was_changed_last_comes_first(shelf):
    assert shelf.found() == ["b", "a"]
    shelf.put("face", {"a": example("Что за высокий лоб?")})
    assert shelf.found() == ["a", "b"]
    shelf.put("face", {"b": None, "c": example("Чей нос?")})
    assert shelf.found() == ["c", "a"]


def test_parts_follow_each_other_without_a_gap_whatever_comes_in_between(shelf):
    shelf.put("face", {f"n{number}": example(f"Вопрос {number}?") for number in range(7)})
    whole, seen, before = shelf.found(), [], 0
    while part := shelf.entries.find("face", ALL, 2, before):
        seen += [entry.example_id for entry in part]
        before = part[-1].number
        shelf.put("face", {f"new{before}": example("Новый?")})
    assert seen == whole


def test_words_are_found_in_any_form_and_half_typed(shelf):
    shelf.put("face", {"c": example("О чём говорят скулы?", "Про нагрузку.", "форма-лица, C++")})
    for query in ("скула", "СКУЛ", "нагруз", "говорят нагрузку", "форма", "c++", "лиц нагр"):
        assert shelf.found(query=query) == ["c"], query
    assert shelf.found(query="лоб скулы") == []
    assert shelf.found(query="брови") == ["b"]
    shelf.put("face", {"b": example("Какие ресницы?")})
    assert shelf.found(query="брови") == []


@pytest.mark.parametrize(
    "query", ['"', "*", "NEAR(", "dataset:face", "' OR 1=1 --", "%", "лоб*", "-"]
)
def test_signs_of_the_databases_own_languages_say_nothing(shelf, query):
    assert set(shelf.found(query=query)) <= {"a"}


def test_a_word_is_looked_for_in_one_dataset_alone(shelf):
    shelf.put("face-two", {"z": example("Что за лоб?")})
    shelf.put("two", {"y": example("Что за лоб?")})
    assert shelf.found(query="лоб") == ["a"]
    assert shelf.found("face-two", query="лоб") == ["z"]
    shelf.files.drop("face-two")
    assert shelf.found("face-two") == []
    assert shelf.found("two", query="лоб") == ["y"]


def test_words_are_found_in_a_dataset_whose_name_has_none(shelf):
    shelf.put("_", {"z": example("Что за лоб?")})
    assert shelf.found("_", query="лоб") == ["z"]
    assert shelf.found("-", query="лоб") == []


def test_a_broken_file_and_the_longest_are_found_by_their_words(shelf):
    shelf.put("face", {"x": "messages: [сломан\n", "y": example("Длинный?", "слово " * 30_000)})
    assert shelf.found(query="сломан") == ["x"]
    assert shelf.found(query="длинный") == ["y"]


def test_tags_follow_the_file(shelf):
    assert shelf.found(tag="лицо") == ["a"]
    shelf.put("face", {"a": example("Что за лоб?", tags="форма"), "b": None})
    assert shelf.found(tag="лицо") == []
    assert shelf.entries.facets("face").tags == [("форма", 1)]


def test_a_dataset_of_a_database_before_entries_gets_them_with_the_next_look(shelf):
    lying = dict(shelf.files.blobs("face"))
    shelf.entries.drop("face")
    assert shelf.found() == []
    shelf.files.keep("face", "as before", lying)
    assert shelf.found(query="брови") == ["b"]
    assert shelf.entries.facets("face").tags == [("лицо", 1)]


def test_authors_sides_and_findings_narrow_the_list_down(database, clock):
    world, taught = PipelineRows(database, clock), make_examples()
    one = make_finding()
    world.push(1, taught, findings=(one,))
    shelf = Shelf(database)
    names = [each.id for each in taught]
    shelf.put(FACE, {name: example("Что?") for name in [*names, "x"]})
    facets = shelf.entries.facets(FACE)
    assert facets.total == 13
    assert facets.authors == [("anna", 12)]
    assert facets.splits == {"train": 11, "test": 1}
    assert shelf.found(FACE, split="test") == [names[0]]
    assert set(shelf.found(FACE, split="train", author="anna")) == set(names[1:])
    assert shelf.found(FACE, author="nobody") == []
    assert shelf.found(FACE, has_finding=True) == ["x"]
    assert facets.with_finding == 1
    assert shelf.entries.findings(FACE, ["examples/x.yaml"]) == [one]
    (row,) = shelf.entries.find(FACE, ExampleFilter(split="test"), 5)
    assert (row.author, row.split) == ("anna", "test")
    assert row.at is not None


def test_the_nearest_examples_are_those_of_one_dataset_alone(database, clock):
    world, shelf, other = PipelineRows(database, clock), Shelf(database), f"{FACE}-two"
    taught = make_examples()
    for position, dataset in ((1, FACE), (2, other)):
        world.push(position, taught, spec=make_spec(dataset))
        shelf.put(dataset, {taught[1].id: example("Что за лоб?", f"Ответ {dataset}.")})
    (said,) = shelf.entries.nearest(FACE, ["лоб"], 9)
    assert f"Ответ {FACE}." in said
    # A rare word tells more than two that nearly all examples say.
    usual = {each.id: example("Что значит черта лица?") for each in taught[2:]}
    shelf.put(FACE, usual | {taught[1].id: example("О чём говорят скулы?", "Много слов." * 20)})
    stems = [stem(word) for word in ("черта", "лица", "скулы")]
    first, second, *_ = shelf.entries.nearest(FACE, stems, 9)
    assert ("скулы" in first, "черта" in second) == (True, True)
