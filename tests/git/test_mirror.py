"""The mirror on disk: damaged, half created, on a full disk, without git."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256

import pytest

from merlin.core.errors import SourceError
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


def test_transfer_over_its_limit_leaves_no_partial_pack(
    remote, make_source, mirror, tmp_path, monkeypatch
):
    head = remote.commit(a="1")
    git = shutil.which("git")
    partial_pack = mirror / "objects/pack/tmp_pack_x"
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
