"""The mirror's lock: one writer at a time; files left by a killed writer are removed."""

import subprocess
from contextlib import ExitStack, suppress

import pytest

from merlin.core.errors import SourceError
from merlin.git.mirror import lock_mirror
from tests.support.ending import wait_for_end

pytestmark = pytest.mark.functional
LEFTOVERS = (
    "config.lock",
    "refs/merlin/head.lock",
    "objects/pack/tmp_pack_x",
    "gc.pid",
    "fast_import_crash_4711",
)


@pytest.fixture
def mirror(tmp_path):
    for name in LEFTOVERS:
        path = tmp_path / "mirror.git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "mirror.git"


def list_leftovers(mirror):
    return [name for name in LEFTOVERS if (mirror / name).exists()]


def test_second_writer_waits_and_then_raises_git_busy(mirror):
    with (
        lock_mirror(mirror),
        pytest.raises(SourceError) as caught,
        lock_mirror(mirror, wait_s=0.1),
    ):
        pass
    assert caught.value.key == "git-busy"
    with lock_mirror(mirror, wait_s=0):
        pass


def test_files_of_a_dead_writer_are_removed(mirror):
    (mirror / "merlin.lock").write_text("4711")
    with lock_mirror(mirror):
        assert list_leftovers(mirror) == []
    assert (mirror / "merlin.lock").read_text() == ""


def test_child_of_a_dead_writer_keeps_the_lock_until_it_ends(mirror):
    with ExitStack() as death:
        death.enter_context(suppress(RuntimeError))
        lock = death.enter_context(lock_mirror(mirror))
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,))
        raise RuntimeError
    with pytest.raises(SourceError), lock_mirror(mirror, wait_s=0):
        pass
    assert list_leftovers(mirror) == list(LEFTOVERS)
    wait_for_end(child)
    with lock_mirror(mirror):
        assert list_leftovers(mirror) == []
