"""The mirror on disk: damaged, half created, on a full disk, without git."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO

import pytest

from merlin.core.errors import SourceError
from merlin.git.mirror import HEAD_REF, read_head
from merlin.git.repository import parse_blobs, split_parts
from tests.support.small_disk import small_disk
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


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


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
def test_damaged_mirror_is_an_error_until_it_is_deleted(remote, source, mirror, suffix):
    texts = {
        f"n{number}": sha256(b"%d" % number).hexdigest() * 9 for number in range(20)
    }
    head = remote.commit(**texts)
    source.fetch()
    damage(mirror, suffix)
    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            read_all(source, head)
        assert caught.value.key == "git-unreadable"
    shutil.rmtree(mirror)
    assert source.fetch() == head
    assert read_all(source, head) == {
        f"{name}.yaml": text.encode() for name, text in texts.items()
    }


def test_partly_created_mirror_is_completed(remote, source, mirror):
    head = remote.commit(a="1")
    source.fetch()
    (mirror / "HEAD").unlink()
    assert source.fetch() == head
    assert read_all(source, head) == {"a.yaml": b"1"}


def test_mirror_of_an_unreachable_repository_can_be_read(remote, source, tmp_path):
    head = remote.commit(a="1")
    source.fetch()
    remote.path.rename(tmp_path / "away")
    with pytest.raises(SourceError):
        source.fetch()
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


def make_git_without_an_end(tmp_path, mark):
    """Return the folder of a git whose fetch makes the file `mark` and never ends."""
    git = shutil.which("git")
    slow = tmp_path / "bin/git"
    slow.parent.mkdir()
    slow.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *" fetch "*) mkdir -p {mark.parent}; touch {mark};'
        f' cat <> {tmp_path / "silent"};; *) exec {git} "$@";; esac\n'
    )
    slow.chmod(0o755)
    os.mkfifo(tmp_path / "silent")
    return slow.parent


def test_stopped_transfer_fails_and_the_next_one_succeeds(
    remote, source, tmp_path, monkeypatch
):
    head = remote.commit(a="1")
    begun = tmp_path / "begun/mark"
    folder = make_git_without_an_end(tmp_path, begun)
    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        fetching = pool.submit(source.fetch)
        wait_until(begun.exists)
        source.stop_transfer()
        with pytest.raises(SourceError, match="did not run to its end") as caught:
            fetching.result(longest())
    assert caught.value.key == "git-failed"
    source.stop_transfer()
    assert source.fetch() == head


def test_file_in_place_of_the_mirrors_folder_is_an_error(remote, source, tmp_path):
    remote.commit(a="1")
    (tmp_path / "state").touch()
    for call in (source.fetch, source.remote_head):
        with pytest.raises(SourceError, match="the mirror cannot be used") as caught:
            call()
        assert caught.value.key == "git-failed"


def test_head_of_the_repository_is_told_without_a_mirror(remote, source):
    assert source.remote_head() is None
    head = remote.commit(a="1")
    assert source.remote_head() == head
    source.clean([head], 0, NOW)  # nothing is there yet
    assert not source.has_mirror


def test_needed_commits_outlive_the_cleaning_and_others_are_deleted_once_a_day(
    remote, source, mirror
):
    old = remote.commit(a="1")
    source.fetch()
    remote.git("commit", "--quiet", "--amend", "--message=another")
    head = source.fetch()
    source.clean([old], 0, NOW)
    assert [each.sha for each in source.commits_since(old, ())] == [old]
    source.clean([], 0, NOW + timedelta(hours=1))
    assert [each.sha for each in source.commits_since(old, ())] == [old]
    source.clean([], 0, NOW + timedelta(days=2))
    source.clean([], 0, NOW + timedelta(days=8))  # it was unneeded for six days
    assert [each.sha for each in source.commits_since(old, ())] == [old]
    source.clean([], 0, NOW + timedelta(days=10))
    with pytest.raises(SourceError):
        source.commits_since(old, ())
    assert not (mirror / HEAD_REF).exists(), "gc packs the refs"
    assert read_head(source.run, mirror) == head
    assert source.commits_since(head, {head}) == []


def test_folders_of_many_commits_are_told_with_a_small_memory(remote, make_source):
    source = make_source(max_trees=1)
    heads = [remote.commit(a="1"), remote.commit(a="2")]
    source.fetch()
    trees = [source.dataset_trees(head)["neuro"] for head in (*heads, *heads)]
    assert trees[:2] == trees[2:]
    assert trees[0] != trees[1]
    assert source.find_writers(heads[1], ["nothing"]) == {}
    writers = source.find_writers(heads[1], ["neuro"])["neuro"]
    assert [each.sha for each in writers.values()] == [heads[1]]


def test_output_of_git_that_is_cut_off_is_an_error():
    whole = b"c0ffee blob 4\nword\n"
    assert list(parse_blobs(BytesIO(whole), ["c0ffee"])) == [("c0ffee", b"word")]
    for cut, said in ((whole[:-2], "c0ffee is cut off"), (b"", "c0ffee is cut off")):
        with pytest.raises(SourceError, match=said):
            list(parse_blobs(BytesIO(cut), ["c0ffee"]))


def test_last_part_of_an_output_needs_no_end():
    assert list(split_parts(BytesIO(b"a\0b"), b"\0")) == [b"a", b"b"]


def test_transfer_over_its_limit_leaves_no_partial_pack(
    remote, make_source, mirror, tmp_path, monkeypatch
):
    head = remote.commit(a="1")
    partial_pack = mirror / "objects/pack/tmp_pack_x"
    folder = make_git_without_an_end(tmp_path, partial_pack)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        with pytest.raises(SourceError) as caught:
            make_source(transfer_s=2).fetch()
    assert (caught.value.key, partial_pack.exists()) == ("git-slow", False)
    assert make_source().fetch() == head


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
