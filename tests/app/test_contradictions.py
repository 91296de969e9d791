"""A contradiction of two examples is settled only while both are as they were shown."""

import pytest

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.contradictions import settle_contradiction
from merlin.core.errors import Refused
from merlin.core.permissions import Authority, Role
from merlin.dataset.changes import Changes
from merlin.dataset.files import FileIndex
from tests.db.pipeline_rows import FACE
from tests.support.config import make_config
from tests.support.dataset_tree import example_yaml

pytestmark = pytest.mark.integration

EDITOR = Actor.person(1002, Authority(Role.EDITOR))
BLOB = "1" * 40


@pytest.mark.parametrize("reason", ["", "other questions"])
@pytest.mark.parametrize("other", ["examples/b.yaml", "examples/gone.yaml"])
def test_example_that_is_none_any_more_settles_nothing(database, clock, other, reason):
    rows = FileIndex(database)
    rows.add({BLOB: example_yaml(answer="Над глазами."), "2" * 40: "none\n"})
    rows.keep(FACE, "t1", {"examples/a.yaml": BLOB, "examples/b.yaml": "2" * 40})
    ctx = Context(config=make_config(), db=database, clock=clock)
    with pytest.raises(Refused) as caught:
        settle_contradiction(ctx, EDITOR, FACE, "examples/a.yaml", other, reason)
    assert caught.value.key == "examples-decided"
    assert Changes(database, clock).list_batches(None, 10) == []
