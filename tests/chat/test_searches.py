"""Sixty searches of students, editors and models over the shipped datasets."""

from pathlib import Path

import pytest
import yaml

from merlin.app import courses, examples
from merlin.app.context import Context
from merlin.chat.grounding import find_sources
from merlin.course.catalogue import Catalogue
from merlin.dataset.files import FileIndex
from merlin.dataset.preview import check_files
from merlin.db.search_index import SearchIndex, encode_entry
from merlin.git.source import blob_id
from tests.db.pipeline_rows import OPERATOR, PipelineRows
from tests.support.config import make_config

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2] / "datasets"
SEARCHES = yaml.safe_load((Path(__file__).parent / "searches.yaml").read_text("utf-8"))
# How many of the first results count.
FIRST = 10


@pytest.fixture
def shipped(database, clock):
    """Return a context of a database that has the shipped datasets, each as a build."""
    world = PipelineRows(database, clock)
    files = FileIndex(database)
    checked = {}
    for position, folder in enumerate(sorted(ROOT.iterdir()), 1):
        paths = (path for path in folder.rglob("*") if path.is_file())
        texts = {
            str(path.relative_to(folder)): path.read_text("utf-8") for path in paths
        }
        blobs = {path: blob_id(text) for path, text in texts.items()}
        files.add({blobs[path]: text for path, text in texts.items()})
        files.keep(folder.name, "tree", blobs)
        name = folder.name
        checked[name] = check_files(name, files.list_files(name))
        world.push(position, checked[name].examples, spec=checked[name].spec)
    Catalogue(database).index(checked)
    index = SearchIndex(database)
    index.store_vectors(
        (number, encode_entry(text)) for number, text in index.list_unencoded(10_000)
    )
    return Context(config=make_config(), db=database, clock=clock)


def search_courses(ctx, query, _):
    found, _ = courses.search(ctx, query, FIRST)
    slugs = [each.course.slug for each in found]
    return slugs + [
        f"{each.course.slug}/{material.text}"
        for each in found
        for material in each.found_in
    ]


def search_examples(ctx, query, dataset):
    found = examples.find(ctx, OPERATOR, query, dataset, limit=FIRST)
    return [f"{dataset}/{each.id}" for each in found]


def ground(ctx, query, dataset):
    sources = find_sources(ctx.db, dataset, query)
    return [f"{dataset}/{each.material.text}" for each in sources if each.material]


# Before the three had one index: 4, 7 and 19 of 20 (docs/adr/0057).
LEAST = {
    "courses": (search_courses, 20),
    "examples": (search_examples, 18),
    "grounding": (ground, 19),
}


def test_sixty_searches_find_what_they_mean(shipped):
    for kind, (find, least) in LEAST.items():
        missed = []
        for query, expected in SEARCHES[kind].items():
            dataset, _, _ = expected.partition("/")
            found = find(shipped, query, dataset or "python")
            if not {*expected.split(" | ")} & {*(found or [""])}:
                missed.append(query)
        assert len(SEARCHES[kind]) - len(missed) >= least, (kind, missed)
    for query in SEARCHES["unrelated"]:
        assert search_courses(shipped, query, "") == []
