"""A damaged mirror is detected, moved aside and cloned again without help."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256

import pytest

from merlin.core.errors import SourceError
from merlin.git.repository import GitSource
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.functional


@pytest.fixture
def mirror(tmp_path):
    return tmp_path / "state/mirror.git"


def read_all(source, head):
    entries = source.entries(head, "neuro")
    return {
        entry.path: content
        for entry, (_, content) in zip(
            entries, source.read([entry.blob for entry in entries]), strict=True
        )
    }


def damage(mirror, suffix):
    """Invert bytes in the middle of the mirror's pack file with this suffix."""
    (path,) = mirror.glob(f"objects/pack/*{suffix}")
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) - 30):
        content[place] ^= 0xFF
    path.write_bytes(content)


def list_broken_mirrors(mirror):
    return list(mirror.parent.glob("mirror.git.broken-*"))


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
def test_damaged_object_raises_once_and_the_next_fetch_repairs_it(remote, source, mirror, suffix):
    texts = {f"n{number}": sha256(b"%d" % number).hexdigest() * 9 for number in range(20)}
    head = remote.commit(**texts)
    source.fetch()
    damage(mirror, suffix)
    with pytest.raises(SourceError) as caught:
        read_all(source, head)
    assert caught.value.key == "git-unreadable"
    assert source.fetch() == head
    assert read_all(source, head) == {f"{name}.yaml": text.encode() for name, text in texts.items()}
    assert len(list_broken_mirrors(mirror)) == 1


def test_mirror_without_objects_is_cloned_again(remote, source, mirror):
    head = remote.commit(a="1")
    source.fetch()
    for path in mirror.glob("objects/pack/*"):
        path.unlink()
    with pytest.raises(SourceError):
        read_all(source, head)
    assert source.fetch() == head
    assert read_all(source, head) == {"a.yaml": b"1"}


@pytest.mark.parametrize("part", ["HEAD", "config", "refs/merlin/head"])
@pytest.mark.parametrize("content", [None, "", "\0\0garbage\n"])
def test_damaged_mirror_file_is_repaired_by_one_fetch(remote, source, mirror, part, content):
    remote.commit(a="1")
    source.fetch()
    (mirror / part).unlink()
    if content is not None:
        (mirror / part).write_text(content)
    head = remote.commit(a="2")
    assert source.fetch() == head
    assert read_all(source, head) == {"a.yaml": b"2"}


def test_damage_found_during_a_fetch_is_repaired_by_it(remote, source, mirror):
    remote.commit(a="1")
    source.fetch()
    for path in mirror.glob("objects/pack/*.pack"):
        path.unlink()
    head = remote.commit(a="2")
    assert source.fetch() == head
    assert read_all(source, head) == {"a.yaml": b"2"}


def test_unreachable_repository_does_not_replace_the_mirror(remote, source, mirror, tmp_path):
    head = remote.commit(a="1")
    source.fetch()
    remote.path.rename(tmp_path / "away")
    with pytest.raises(SourceError):
        source.fetch()
    assert list_broken_mirrors(mirror) == []
    assert read_all(source, head) == {"a.yaml": b"1"}


def test_fetch_into_a_full_disk_leaves_room(remote, source, mirror):
    mirror.mkdir(parents=True)
    with small_disk(mirror, "2m"):
        head = remote.commit(a="one")
        assert source.fetch() == head
        (remote.path / "large").write_bytes(os.urandom(3_000_000))
        remote.commit()
        with pytest.raises(SourceError):
            source.fetch()
        assert shutil.disk_usage(mirror).free > 1_000_000


def test_mirror_that_borrows_objects_fetches_only_what_is_new(remote, source, tmp_path):
    remote.commit(old="one")
    source.fetch()
    head = remote.commit(new="two")
    borrowing = GitSource(str(remote.path), "main", "datasets", tmp_path / "borrowing")
    borrowing.borrow_objects(source)
    assert borrowing.fetch() == head
    assert read_all(borrowing, head) == {"new.yaml": b"two", "old.yaml": b"one"}
    # The commit, its three trees and the new file.
    assert b"in-pack: 5\n" in borrowing.run("count-objects", "-v")


def test_only_the_newest_two_damaged_mirrors_are_kept(remote, source, mirror):
    for number in range(4):
        head = remote.commit(a=str(number))
        assert source.fetch() == head
        (mirror / "config").write_text("[broken")
    assert source.fetch() == head
    assert len(list_broken_mirrors(mirror)) == 2


def test_file_in_place_of_the_mirror_is_an_error_and_stays(remote, source, mirror):
    mirror.parent.mkdir(parents=True)
    mirror.write_text("mine")
    with pytest.raises(SourceError):
        source.fetch()
    assert mirror.read_text() == "mine"


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 127"])
def test_failing_git_does_not_condemn_the_mirror(
    remote, source, mirror, tmp_path, monkeypatch, end
):
    head = remote.commit(a="1")
    source.fetch()
    (mirror / "merlin.suspect").touch()
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{end}\n")
    fake.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        with pytest.raises(SourceError):
            source.fetch()
    assert list_broken_mirrors(mirror) == []
    assert source.fetch() == head
    assert not (mirror / "merlin.suspect").exists()


def test_transfer_over_its_limit_leaves_no_partial_pack(
    remote, make_source, mirror, tmp_path, monkeypatch
):
    head = remote.commit(a="1")
    git, partial_pack = shutil.which("git"), mirror / "objects/pack/tmp_pack_x"
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *" fetch "*) mkdir -p {partial_pack.parent}; touch {partial_pack};'
        f' cat <> {tmp_path / "silent"};; *) exec {git} "$@";; esac\n'
    )
    slow.chmod(0o755)
    os.mkfifo(tmp_path / "silent")
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
        with pytest.raises(SourceError) as caught:
            make_source(transfer_s=2).fetch()
    assert (caught.value.key, partial_pack.exists()) == ("git-slow", False)
    assert make_source().fetch() == head


def test_machine_without_git_is_reported(remote, source, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        source.fetch()
    assert caught.value.key == "git-absent"


def test_start_without_git_is_a_configuration_error(tmp_path):
    child = """
from pathlib import Path
from merlin.git.repository import GitSource
from merlin.core.errors import ConfigError
try:
    GitSource("/srv/sets", "main", "datasets", Path("mirror.git"))
except ConfigError as error:
    print(error.key)
"""
    env = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    completed = subprocess.run(
        [sys.executable, "-c", child], env=env, cwd=tmp_path, capture_output=True
    )
    assert completed.stdout.decode().strip() == "git-absent", completed.stderr.decode()
