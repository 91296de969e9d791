"""What the state folder tells of a database that is missing: new, lost or half restored."""

from pathlib import Path

import pytest

from merlin.core.errors import NotFound, Unstartable
from merlin.db.connections import (
    not_recorded,
    require_no_builds,
    require_whole,
    restore_mark,
    sqlite_path,
)
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.unit


def test_folder_that_a_restore_left_half_filled_is_not_started_from(tmp_path):
    require_whole(tmp_path)
    restore_mark(tmp_path).touch()
    assert refusal_key(Unstartable, require_whole, tmp_path) == "restore-cut-off"


def test_builds_without_a_database_mean_that_it_was_lost(tmp_path):
    require_no_builds(tmp_path)
    assert isinstance(not_recorded(tmp_path), NotFound)
    (tmp_path / "builds/neuro/1").mkdir(parents=True)
    for look in (require_no_builds, not_recorded):
        assert refusal_key(Unstartable, look, tmp_path) == "store-lost"


def test_path_of_a_file_is_that_of_its_address():
    assert sqlite_path("sqlite:////srv/a%20b.db") == Path("/srv/a b.db")
