"""An example that seemed near is gone before its answer is read."""

import pytest

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.near import read_answer
from merlin.core.errors import Refused
from merlin.core.permissions import Authority, Role
from merlin.dataset.files import FileIndex
from tests.db.pipeline_rows import FACE
from tests.support.config import make_config
from tests.support.dataset_tree import example_yaml

pytestmark = pytest.mark.integration

EDITOR = Actor.person(1002, Authority(Role.EDITOR))
TEXTS = {
    "examples/a.yaml": example_yaml(answer="Над глазами."),
    "examples/b.yaml": "none\n",
}


@pytest.fixture
def files(database, clock):
    rows = FileIndex(database)
    blobs = {path: str(number) * 40 for number, path in enumerate(TEXTS, 1)}
    rows.add({blobs[path]: text for path, text in TEXTS.items()})
    rows.keep(FACE, "t1", blobs)
    ctx = Context(config=make_config(), db=database, clock=clock)
    return changes.read_files(ctx, EDITOR, FACE)


def test_answer_is_that_of_the_file_as_it_is_now(files):
    assert read_answer(files, "examples/a.yaml") == "Над глазами."


@pytest.mark.parametrize("path", ["examples/b.yaml", "examples/gone.yaml"])
def test_file_that_is_no_example_any_more_has_no_answer(files, path):
    with pytest.raises(Refused) as caught:
        read_answer(files, path)
    assert caught.value.key == "examples-decided"
