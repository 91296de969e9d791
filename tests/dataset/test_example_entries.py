"""Searching and filtering a dataset's examples while their files change."""

from functools import partial

import pytest

from merlin.core.vocabulary import stem
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.files import FileIndex
from merlin.db.search_index import Kind, Scope, SearchIndex, encode_entry
from merlin.git.source import blob_id
from tests.db.pipeline_rows import (
    FACE,
    make_examples,
    make_finding,
    make_spec,
)

pytestmark = pytest.mark.integration

ALL = ExampleFilter()


def example_text(question, answer="Так.", tags=""):
    tag_line = f"tags: [{tags}]\n" if tags else ""
    return f"messages:\n  - user: {question!r}\n  - assistant: {answer!r}\n{tag_line}"


class Datasets:
    """Datasets whose files are stored as the daemon stores them."""

    def __init__(self, db):
        self.db = db
        self.files = FileIndex(db)
        self.entries = ExampleEntries(db)
        self.trees = 0

    def put(self, dataset, texts):
        """Store these files: id -> text, None for a deleted one."""
        blobs = {
            name: None if text is None else blob_id(text)
            for name, text in texts.items()
        }
        self.files.add(
            {blobs[name]: text for name, text in texts.items() if text is not None}
        )
        self.trees += 1
        paths = {f"examples/{name}.yaml": blob for name, blob in blobs.items()}
        self.files.keep(dataset, str(self.trees), paths)

    def rank(self, dataset, *words):
        """Return the trained messages of the examples that share words with a question."""
        scope = Scope((Kind.EXAMPLE,), dataset)
        numbers = SearchIndex(self.db).rank_by_words(scope, [*map(stem, words)], 9)
        return [*self.entries.read_trained(dataset, numbers).values()]

    def find_ids(self, dataset="face", **values):
        entries = self.entries.find(dataset, ExampleFilter(**values), 50)
        return [entry.example_id for entry in entries]


@pytest.fixture
def datasets(database):
    datasets = Datasets(database)
    datasets.put(
        "face",
        {
            "a": example_text("Что за лоб?", tags="лицо"),
            "b": example_text("Какие брови?"),
        },
    )
    return datasets


def test_last_changed_entry_comes_first(datasets):
    assert datasets.find_ids() == ["b", "a"]
    datasets.put("face", {"a": example_text("Что за высокий лоб?")})
    assert datasets.find_ids() == ["a", "b"]
    datasets.put("face", {"b": None, "c": example_text("Чей нос?")})
    assert datasets.find_ids() == ["c", "a"]


def test_pages_have_no_gaps_while_entries_are_added(datasets):
    datasets.put(
        "face", {f"n{number}": example_text(f"Вопрос {number}?") for number in range(7)}
    )
    expected = datasets.find_ids()
    ids = []
    before = 0
    while part := datasets.entries.find("face", ALL, 2, before):
        ids += [entry.example_id for entry in part]
        before = part[-1].number
        datasets.put("face", {f"new{before}": example_text("Новый?")})
    assert ids == expected


def test_words_are_found_in_any_form_and_by_prefix(datasets):
    datasets.put(
        "face",
        {"c": example_text("О чём говорят скулы?", "Про нагрузку.", "форма-лица, C++")},
    )
    for query in (
        "скула",
        "СКУЛ",
        "нагруз",
        "говорят нагрузку",
        "форма",
        "c++",
        "лиц нагр",
    ):
        assert datasets.find_ids(query=query) == ["c"], query
    assert datasets.find_ids(query="лоб скулы") == []
    assert datasets.find_ids(query="брови") == ["b"]
    datasets.put("face", {"b": example_text("Какие ресницы?")})
    assert datasets.find_ids(query="брови") == []


@pytest.mark.parametrize(
    "query", ['"', "*", "NEAR(", "dataset:face", "' OR 1=1 --", "%", "лоб*", "-"]
)
def test_query_syntax_of_the_databases_has_no_effect(datasets, query):
    assert set(datasets.find_ids(query=query)) <= {"a"}


def test_search_is_limited_to_one_dataset(datasets):
    datasets.put("face-two", {"z": example_text("Что за лоб?")})
    datasets.put("two", {"y": example_text("Что за лоб?")})
    assert datasets.find_ids(query="лоб") == ["a"]
    assert datasets.find_ids("face-two", query="лоб") == ["z"]
    datasets.files.drop("face-two")
    assert datasets.find_ids("face-two") == []
    assert datasets.find_ids("two", query="лоб") == ["y"]


def test_broken_file_and_longest_file_are_found_by_their_words(datasets):
    datasets.put(
        "face",
        {"x": "messages: [сломан\n", "y": example_text("Длинный?", "слово " * 30_000)},
    )
    assert datasets.find_ids(query="сломан") == ["x"]
    assert datasets.find_ids(query="длинный") == ["y"]


def test_tags_follow_the_file(datasets):
    assert datasets.find_ids(tag="лицо") == ["a"]
    datasets.put("face", {"a": example_text("Что за лоб?", tags="форма"), "b": None})
    assert datasets.find_ids(tag="лицо") == []
    assert datasets.entries.facets("face").tags == [("форма", 1)]


def test_author_split_and_finding_filters_narrow_the_list(world):
    examples = make_examples()
    finding = make_finding()
    world.push(1, examples, findings=(finding,))
    datasets = Datasets(world.db)
    names = [example.id for example in examples]
    datasets.put(FACE, {name: example_text("Что?") for name in [*names, "x"]})
    facets = datasets.entries.facets(FACE)
    assert facets.total == 13
    assert facets.authors == [("anna", 12)]
    assert facets.splits == {"train": 11, "test": 1}
    assert datasets.find_ids(FACE, split="test") == [names[0]]
    assert set(datasets.find_ids(FACE, split="train", author="anna")) == set(names[1:])
    assert datasets.find_ids(FACE, author="nobody") == []
    assert datasets.find_ids(FACE, finding=True) == ["x"]
    assert facets.with_finding == 1
    assert datasets.files.list_findings(FACE, ["examples/x.yaml"]) == [finding]
    (row,) = datasets.entries.find(FACE, ExampleFilter(split="test"), 5)
    # The file is another one than the build's, so nobody is named as its writer.
    assert (row.author, row.at, row.split) == ("", None, "test")


def test_counts_have_another_version_after_each_commit_and_each_change_of_files(world):
    datasets = Datasets(world.db)
    steps = (
        lambda: world.push(1, make_examples()),
        lambda: datasets.put(FACE, {"x": example_text("Что?")}),
        lambda: datasets.put(FACE, {"x": None}),
        lambda: world.push(2, make_examples(13)),
    )
    seen = [datasets.entries.version(FACE)]
    for step in steps:
        assert datasets.entries.version(FACE) == seen[-1]
        step()
        assert datasets.entries.version(FACE) not in seen
        seen.append(datasets.entries.version(FACE))


def test_sizes_of_the_split_follow_an_undone_commit(world):
    entries = ExampleEntries(world.db)
    for position, count, train in ((1, 12, 11), (2, 13, 12), (3, 12, 11)):
        world.push(position, make_examples(count))
        assert entries.facets(FACE).splits == {"train": train, "test": 1}


def test_example_that_an_undo_restores_is_in_its_side_at_once(world):
    datasets = Datasets(world.db)
    examples = make_examples()
    name = examples[1].id
    for position, removed in ((1, ()), (2, examples[1:2]), (3, ())):
        world.push(
            position, [example for example in examples if example not in removed]
        )
    datasets.put(FACE, {name: example_text("Что за лоб?", "Высокий.")})
    (row,) = datasets.entries.find(FACE, ExampleFilter(split="train"), 5)
    assert (row.example_id, row.split) == (name, "train")
    assert len(datasets.rank(FACE, "лоб")) == 1


def test_nearest_examples_come_from_one_dataset(world):
    datasets = Datasets(world.db)
    other = f"{FACE}-two"
    examples = make_examples()
    for position, dataset in ((1, FACE), (2, other)):
        world.push(position, examples, spec=make_spec(dataset))
        datasets.put(dataset, {examples[position].id: example_text("Что за лоб?")})
    assert datasets.rank(FACE, "лоб") == [examples[1].messages]
    # A rare word weighs more than two words of nearly all examples.
    usual = {
        example.id: example_text("Что значит черта лица?") for example in examples[2:]
    }
    datasets.put(
        FACE,
        usual
        | {examples[1].id: example_text("О чём говорят скулы?", "Много слов." * 20)},
    )
    first, second, *_ = datasets.rank(FACE, "черта", "лица", "скулы")
    assert (first, second) == (examples[1].messages, examples[2].messages)


def test_search_corrects_typing_errors_and_else_finds_by_meaning(datasets):
    scope = Scope((Kind.EXAMPLE,), "face")
    index = SearchIndex(datasets.db)

    def search(query, before=0):
        entries = datasets.entries.search(
            "face",
            ExampleFilter(query),
            9,
            before,
            read_words=partial(index.read_vocabulary, scope),
        )
        return [entry.example_id for entry in entries]

    assert search("лоб") == ["a"]
    assert search("брвои") == search("брвои", before=9) == ["b"]
    assert search("eyebrows") == []
    index.store_vectors(
        (number, encode_entry(text)) for number, text in index.list_unencoded(9)
    )
    assert search("eyebrows") == ["b"]
    assert search("eyebrows", before=9) == search("?") == []


def test_vectors_of_another_encoder_are_not_compared_and_made_anew(datasets):
    index = SearchIndex(datasets.db)
    texts = index.list_unencoded(9)
    assert [text for _, text in texts] == ["Какие брови?", "Что за лоб?"]
    index.store_vectors((number, b"another " + b"\1" * 9) for number, _ in texts)
    scope = Scope((Kind.EXAMPLE,), "face")
    assert index.rank_by_meaning(scope, "лоб", 9, -1) == {}
    assert index.list_unencoded(9) == []
    assert index.forget_vectors()
    assert index.list_unencoded(9) == texts
    assert not index.forget_vectors()
