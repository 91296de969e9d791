"""Those who push from one machine take turns; nobody is ever kept from pushing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from merlin.git.push import wait_for_turn

pytestmark = pytest.mark.functional


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_one_has_the_turn_and_the_next_gets_it():
    with (
        wait_for_turn("a", 0) as first,
        wait_for_turn("a", 0) as second,
        wait_for_turn("b", 0) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with wait_for_turn("a", 0) as again:
        assert again


def test_a_folder_that_others_may_change_is_not_used(folder):
    with wait_for_turn("a", 0) as first:
        assert first
    (made,) = folder.iterdir()
    made.chmod(0o777)
    with wait_for_turn("a", 0) as second:
        assert not second


def test_a_file_in_the_folders_place_keeps_nobody_from_pushing(folder):
    with wait_for_turn("a", 0):
        (made,) = folder.iterdir()
    for path in made.iterdir():
        path.unlink()
    made.rmdir()
    Path(made).write_text("x", encoding="utf-8")
    with wait_for_turn("a", 0) as came:
        assert not came
