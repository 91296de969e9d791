"""Files that are written completely or not at all; locks with one holder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from merlin.core import durable_files
from tests.support.machine import become_another_user

pytestmark = pytest.mark.functional


def test_file_that_cannot_be_written_leaves_nothing(tmp_path):
    def fill(path):
        path.write_text("half")
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        durable_files.write_durably(tmp_path / "a" / "model", fill)
    assert list((tmp_path / "a").iterdir()) == []


def test_folder_appears_as_a_whole(tmp_path):
    def fill(path):
        path.mkdir()
        (path / "weights").write_text("w")

    durable_files.write_durably(tmp_path / "model", fill)
    assert (tmp_path / "model" / "weights").read_text() == "w"
    durable_files.remove_durably(tmp_path / "model")
    durable_files.remove_durably(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


HOLDER = (
    "import os, sys; from pathlib import Path; "
    "from merlin.core.durable_files import try_lock; "
)
KILLED = (
    HOLDER + "assert try_lock(Path(sys.argv[1])) is not None; os.kill(os.getpid(), 9)"
)


def count_open_files(path):
    """Return how many file descriptors of this process refer to a file."""
    files = Path("/proc/self/fd").iterdir()
    # realpath of a closed descriptor does not match.
    return sum(os.path.realpath(file) == str(path.resolve()) for file in files)


def test_lock_has_one_holder_until_it_is_released(tmp_path):
    first = durable_files.try_lock(tmp_path / "lock")
    assert first is not None
    assert durable_files.try_lock(tmp_path / "lock") is None
    os.close(first)
    second = durable_files.try_lock(tmp_path / "lock")
    assert second is not None
    os.close(second)


def test_killed_process_holds_no_lock(tmp_path):
    path = tmp_path / "lock"
    assert subprocess.run([sys.executable, "-c", KILLED, path]).returncode == -9
    file = durable_files.try_lock(path)
    assert file is not None
    os.close(file)


def test_refused_lock_leaves_no_open_file(tmp_path):
    held = durable_files.try_lock(tmp_path / "lock")
    assert [durable_files.try_lock(tmp_path / "lock") for _ in range(3)] == [None] * 3
    assert count_open_files(tmp_path / "lock") == 1
    os.close(held)


def test_lock_of_a_folder_moved_aside_does_not_block_the_new_one(tmp_path):
    (tmp_path / "a").mkdir()
    old = durable_files.try_lock(tmp_path / "a" / "lock")
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").mkdir()
    new = durable_files.try_lock(tmp_path / "a" / "lock")
    assert new is not None
    for file in (old, new):
        os.close(file)


def test_another_user_than_root_gives_no_file_away(tmp_path):
    mine = tmp_path / "mine"
    mine.touch()
    with become_another_user():
        durable_files.give_to_owner(mine, Path("/"))
    assert mine.stat().st_uid == os.geteuid()


def test_what_no_list_names_is_set_aside_for_a_week_and_comes_back(tmp_path):
    known = tmp_path / "models" / "a" / "step-1"
    known.parent.mkdir(parents=True)
    known.write_text("weights")
    os.utime(known, (0, 0))
    (tmp_path / "models" / "a" / ".step-2.part").touch()

    def look(*listed):
        return durable_files.set_aside(
            tmp_path, (tmp_path / "models").glob("*/*"), listed
        )

    for _ in range(2):  # the list is empty, then right again, twice
        assert look() == 1
        assert [*known.parent.iterdir()] == []
        assert look(known) == 0
        assert known.read_text() == "weights"
    look()
    known.parent.mkdir(exist_ok=True)
    known.write_text("newer")
    look(known)
    assert known.read_text() == "newer"
    known.unlink()
    os.utime(tmp_path / "aside" / "models" / "a", (0, 0))
    assert look() == look(known) == 0
    assert not known.exists()
