"""Pushes from one machine take turns; a lock that cannot be used prevents no push."""

import tempfile

import pytest

from merlin.git.push import wait_for_turn

pytestmark = pytest.mark.functional


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_turn_belongs_to_one_pusher_until_released():
    with (
        wait_for_turn("a", 0) as first,
        wait_for_turn("a", 0) as second,
        wait_for_turn("b", 0) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with wait_for_turn("a", 0) as again:
        assert again


def test_folder_writable_by_others_is_not_used(folder):
    with wait_for_turn("a", 0) as first:
        assert first
    (locks,) = folder.iterdir()
    locks.chmod(0o777)
    with wait_for_turn("a", 0) as second:
        assert not second


def test_file_in_place_of_the_folder_does_not_block_pushing(folder):
    with wait_for_turn("a", 0):
        (locks,) = folder.iterdir()
    for path in locks.iterdir():
        path.unlink()
    locks.rmdir()
    locks.write_text("x", encoding="utf-8")
    with wait_for_turn("a", 0) as has_turn:
        assert not has_turn
