"""Trees that name more files than anyone can read: how far they are read, and what goes on."""

from itertools import repeat

import pytest

from merlin.git.mirror import TooManyFiles, limit_listing
from merlin.git.source import EMPTY_TREE, MAX_LISTED, MAX_LISTED_BYTES, TOO_MANY
from tests.git.conftest import read_texts
from tests.support.endless_trees import commit_beside, make_endless, make_tree

pytestmark = pytest.mark.functional

LEAVES = {"files": "100644 blob {blob}", "folders": f"040000 tree {EMPTY_TREE}"}


@pytest.fixture(params=LEAVES)
def planted(request, remote):
    """The dataset `bomb` beside `neuro`, which has one file."""
    remote.commit(a="1")
    make_tree(remote.path)
    leaf = LEAVES[request.param].format(blob=remote.make_blob(b"x"))
    return commit_beside(remote.path, make_endless(remote.path, leaf))


@pytest.mark.parametrize(
    ("part", "most"), [(b"x", MAX_LISTED), (b"x" * 1000, MAX_LISTED_BYTES // 1000)]
)
def test_listing_is_read_to_the_first_entry_over_the_limit(part, most):
    assert len([*limit_listing(repeat(part, most))]) == most
    endless = map(count_reads := Reads(), repeat(part))
    with pytest.raises(TooManyFiles):
        list(limit_listing(endless))
    assert count_reads.number == most + 1


class Reads:
    number = 0

    def __call__(self, part):
        self.number += 1
        return part


def test_dataset_without_end_is_not_read_and_the_one_beside_it_is(
    planted, remote, source
):
    assert source.fetch() == planted
    assert source.entries(planted, "bomb") == [TOO_MANY]
    assert read_texts(source, planted) == {"a.yaml": "1"}
    with pytest.raises(TooManyFiles):
        source.list_changed(planted, "bomb")


def test_git_that_collects_before_it_writes_ends_at_its_limit_of_memory(
    planted, source
):
    """diff-tree writes nothing before it has seen all of a commit; the mirror is not damaged."""
    source.fetch()
    with pytest.raises(TooManyFiles):
        next(source.read_parts("diff-tree", "-r", "-t", "-z", f"{planted}^", planted))


def test_writers_are_found_up_to_a_commit_with_too_many_files(planted, remote, source):
    """Of the folder itself: what happens in another one is not looked at."""
    files = remote.git("rev-parse", "main:datasets/neuro")
    commit_beside(remote.path, f"040000 tree {files}")
    remote.git("reset", "-q", "--hard")
    remote.write("datasets/bomb/b.yaml", "2")
    mended = remote.commit()
    source.fetch()
    writers = source.find_writers(mended, ["bomb", "neuro"])
    assert {folder: [*files] for folder, files in writers.items()} == {
        "bomb": ["b.yaml"]
    }
    assert [*source.find_writers(mended, ["neuro"])["neuro"]] == ["a.yaml"]


def test_long_paths_count_by_their_bytes(remote, source):
    """A path of 20 kB, a million times: a few of them have the bytes of many."""
    remote.commit(a="1")
    leaf = f"100644 blob {remote.make_blob(b'x')}"
    head = commit_beside(
        remote.path, make_endless(remote.path, leaf, "x" * 2000 + "%03d")
    )
    source.fetch()
    assert source.entries(head, "bomb") == [TOO_MANY]


def test_long_message_is_cut_while_it_is_read(remote, source):
    head = remote.commit("subject\n\n" + "letters\n" * 200_000, a="1")
    source.fetch()
    (commit,) = source.commits_since(head, ())
    assert (commit.subject, len(commit.message)) == ("subject", 100_000)
    assert source.find_writers(head, ["neuro"])["neuro"]["a.yaml"].sha == head
