"""Trees, commit messages and blobs read from the mirror, hostile ones included."""

import pytest

from merlin.core.errors import SourceError
from merlin.git.repository import GitSource
from merlin.git.source import blob_id
from tests.git.conftest import read_texts

pytestmark = pytest.mark.functional


def test_only_folders_with_files_are_datasets(remote, source):
    for path in (
        "datasets/b/x.yaml",
        "datasets/a/deep/x.yaml",
        "datasets/README.md",
        "other/c/x",
    ):
        remote.write(path, "x")
    head = remote.commit()
    source.fetch()
    trees = source.dataset_trees(head)
    assert list(trees) == ["a", "b"]
    assert trees["b"] == remote.git("rev-parse", f"{head}:datasets/b")


def test_repository_without_the_directory_has_no_datasets(remote, source):
    remote.write("README.md", "x")
    head = remote.commit()
    source.fetch()
    assert source.dataset_trees(head) == {}
    assert source.entries(head, "neuro") == []


def test_writer_of_a_file_is_the_commit_that_gave_it_its_content(remote, source):
    """Also on a merged branch; a merge wrote only what it has from no parent."""
    first = remote.commit(old="1", edited="1", back="1", both="1\n2\n3\n")
    remote.git("checkout", "-q", "-b", "side")
    side = remote.commit(new="1", edited="2", both="0\n2\n3\n")
    remote.git("checkout", "-q", "main")
    remote.commit(back="2", both="1\n2\n4\n")
    back = remote.commit(back="1")
    remote.git("merge", "-q", "--no-edit", "side")
    head = remote.git("rev-parse", "HEAD")
    source.fetch()
    writers = source.find_writers(head, ["neuro"])["neuro"]
    wrote = {path.removesuffix(".yaml"): commit.sha for path, commit in writers.items()}
    assert wrote == {
        "old": first,
        "new": side,
        "edited": side,
        "back": back,
        "both": head,
    }
    assert {commit.author_name for commit in writers.values()} == {"Вера"}
    assert list(source.find_writers(head, ["neuro"], limit=1)["neuro"]) == [
        "both.yaml"
    ], "no writer is guessed"


def test_changed_files_of_a_commit_are_those_against_its_first_parent(remote, source):
    remote.write("datasets/neuro/old.yaml", "1")
    first = remote.commit()
    remote.git("switch", "-q", "-c", "side")
    remote.write("datasets/neuro/side.yaml", "2")
    remote.write("datasets/other/x.yaml", "3")
    remote.commit()
    remote.git("switch", "-q", "main")
    (remote.path / "datasets/neuro/old.yaml").rename(
        remote.path / "datasets/neuro/ёж.yaml"
    )
    second = remote.commit()
    remote.git("merge", "-q", "--no-edit", "side")
    source.fetch()
    one = blob_id("1")
    two = blob_id("2")
    assert source.list_changed(first, "neuro") == [("old.yaml", "", one)]
    assert source.list_changed(second, "neuro") == [("ёж.yaml", one, one)]
    head = remote.git("rev-parse", "HEAD")
    assert source.list_changed(head, "neuro") == [("side.yaml", "", two)]
    assert source.read_small({one, two}, limit=0) == {}
    assert source.read_small({two}, limit=1) == {two: b"2"}


@pytest.mark.parametrize(
    ("directory", "datasets"), [("", ["datasets"]), ("datasets/neuro", ["examples"])]
)
def test_directory_may_be_the_top_level_or_deeper(
    remote, tmp_path, directory, datasets
):
    remote.write("datasets/neuro/examples/a.yaml", "x")
    head = remote.commit()
    source = GitSource(str(remote.path), "main", directory, tmp_path / "mirror.git")
    source.fetch()
    assert list(source.dataset_trees(head)) == datasets


def test_entries_of_every_mode_are_listed_and_never_followed(remote, source):
    blob = remote.make_blob(b"/etc/passwd").encode()
    commit = remote.commit("to be a submodule").encode()
    examples = remote.make_tree(
        b"100755 blob %s\texec.yaml" % blob,
        b"120000 blob %s\tlink.yaml" % blob,
        b"160000 commit %s\tsubmodule" % commit,
    ).encode()
    names = (
        b"-rf.yaml",
        b"CON.yaml",
        b"a b.yaml",
        b"line\nbreak.yaml",
        "ёж.yaml".encode(),
        b"\xff.yaml",
    )
    neuro = remote.make_tree(
        b"040000 tree %s\texamples" % examples,
        *(b"100644 blob %s\t%s" % (blob, name) for name in names),
    ).encode()
    sets = remote.make_tree(b"040000 tree %s\tneuro" % neuro).encode()
    head = remote.publish(remote.make_tree(b"040000 tree %s\tdatasets" % sets))
    source.fetch()
    entries = source.entries(head, "neuro")
    modes = {entry.path: (entry.mode, entry.size) for entry in entries}
    assert modes == {
        **{name.decode("utf-8", "surrogateescape"): ("100644", 11) for name in names},
        "examples/exec.yaml": ("100755", 11),
        "examples/link.yaml": ("120000", 11),
        "examples/submodule": ("160000", 0),
    }
    assert [entry.path for entry in entries] == sorted(modes)
    assert list(source.read([blob.decode()])) == [(blob.decode(), b"/etc/passwd")]


def test_dataset_with_a_hostile_name_can_be_read(remote, source):
    blob = remote.make_blob(b"x").encode()
    name = b"--upload-pack=\xff"
    inner = remote.make_tree(b"100644 blob %s\tx.yaml" % blob).encode()
    sets = remote.make_tree(b"040000 tree %s\t%s" % (inner, name)).encode()
    head = remote.publish(remote.make_tree(b"040000 tree %s\tdatasets" % sets))
    source.fetch()
    (dataset,) = source.dataset_trees(head)
    assert dataset == name.decode("utf-8", "surrogateescape")
    assert [entry.path for entry in source.entries(head, dataset)] == ["x.yaml"]


def test_text_that_is_not_utf_8_is_shown_with_a_replacement_character(remote, source):
    tree = remote.make_tree().encode()
    person = b"\xff\xfe <vera@example.com> 99999999999999 +0000"
    raw = b"tree %s\nauthor %s\ncommitter %s\n\ncaf\xe9\n" % (tree, person, person)
    head = remote.git("hash-object", "-t", "commit", "-w", "--stdin", feed=raw)
    remote.git("update-ref", "refs/heads/main", head)
    source.fetch()
    (commit,) = source.commits_since(head, ())
    assert (commit.subject, commit.author_name) == ("caf\ufffd", "\ufffd\ufffd")
    assert commit.committed_at.year in (1970, 9999)


def test_name_of_a_megabyte_is_cut_and_its_commit_read(remote, source):
    person = b"%s <vera@example.com> 1700000000 +0000" % (b"x" * 1_000_000)
    tree = remote.commit(a="1") and remote.git("rev-parse", "main^{tree}").encode()
    text = b"y" * 1_000_000
    raw = b"tree %s\nauthor %s\ncommitter %s\n\n%s\n" % (tree, person, person, text)
    head = remote.git("hash-object", "-t", "commit", "-w", "--stdin", feed=raw)
    remote.git("update-ref", "refs/heads/main", head)
    source.fetch()
    (commit,) = source.commits_since(head, ())
    assert (commit.sha, commit.position, commit.message) == (head, 1, "")
    assert commit.author_name.startswith("xxx")
    writer = source.find_writers(head, ["neuro"])["neuro"]["a.yaml"]
    assert writer.sha == head


def test_blobs_are_returned_in_the_requested_order(remote, source):
    files = {f"n{number}": f"text {number}\n" * (number % 50) for number in range(400)}
    head = remote.commit(**files)
    source.fetch()
    blobs = [entry.blob for entry in source.entries(head, "neuro")]
    requested = [*blobs[::-1], *blobs]
    assert [blob for blob, _ in source.read(iter(requested))] == requested
    assert read_texts(source, head) == {
        f"{name}.yaml": text for name, text in files.items()
    }


def test_small_files_that_were_read_last_are_kept(remote, source, tmp_path):
    sizes = {"a": 600_000, "b": 600_000, "c": 1, "d": 1_000_001}
    head = remote.commit(**{name: name * size for name, size in sizes.items()})
    source.fetch()
    blobs = {each.path[0]: each.blob for each in source.entries(head, "neuro")}
    for read in ("a", "b", "cd"):
        assert len(list(source.read(blobs[name] for name in read))) == len(read)
    (tmp_path / "state/mirror.git").rename(tmp_path / "away")
    assert list(source.read([blobs["c"]])) == [(blobs["c"], b"c")]
    assert list(source.read([blobs["b"]])) == [(blobs["b"], b"b" * 600_000)]
    for gone in "ad":
        with pytest.raises(SourceError):
            list(source.read([blobs["c"], blobs[gone]]))


def test_missing_object_is_an_error(remote, source):
    head = remote.commit(a="1")
    source.fetch()
    with pytest.raises(SourceError):
        list(source.read(["1" * 40]))
    with pytest.raises(SourceError):
        source.dataset_trees("1" * 40)
    with pytest.raises(SourceError):
        list(source.read([head]))
    assert source.fetch() == head
