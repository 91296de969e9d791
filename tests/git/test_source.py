"""A repository that editors change, read through its mirror."""

import os
import subprocess
import sys
from datetime import UTC, timedelta

import pytest

from merlin.core.clock import utc_now
from merlin.core.errors import SourceError
from tests.git.conftest import read_texts
from tests.support.machine import require_root

pytestmark = pytest.mark.functional


def test_shallow_clone_is_an_error_until_its_history_is_complete(
    remote, make_source, tmp_path
):
    remote.commit(a="раз")
    remote.commit(a="два")
    clone = tmp_path / "clone"
    url = f"file://{remote.path}"
    remote.git("clone", "--quiet", "--depth=1", url, str(clone))
    source = make_source(str(clone))
    with pytest.raises(SourceError) as raised:
        source.fetch()
    assert raised.value.key == "git-shallow"
    remote.git("-C", str(clone), "fetch", "--quiet", "--unshallow")
    head = source.fetch()
    assert [commit.position for commit in source.commits_since(head, ())] == [2]


def test_new_commits_have_author_time_and_message(remote, source):
    first = remote.commit("first", a="1")
    second = remote.commit("Добавлен вопрос\n\nС телом.\n", b="2")
    head = source.fetch()
    (commit,) = source.commits_since(head, {first})
    assert (commit.sha, commit.parent, commit.position) == (second, first, 2)
    assert (commit.author_name, commit.author_email) == ("Вера", "vera@example.com")
    assert (commit.subject, commit.message) == (
        "Добавлен вопрос",
        "Добавлен вопрос\n\nС телом.",
    )
    assert commit.committed_at.tzinfo is UTC
    assert abs(commit.committed_at - utc_now()) < timedelta(hours=1)


def test_commits_are_oldest_first_after_the_newest_known_one(remote, source):
    shas = [remote.commit(f"n{number}") for number in range(5)]
    source.fetch()
    commits = source.commits_since(shas[4], [shas[0], shas[1]])
    assert [(commit.sha, commit.position) for commit in commits] == list(
        zip(shas[2:], (3, 4, 5), strict=True)
    )
    assert source.commits_since(shas[4], [shas[4]]) == []


def test_commits_after_the_newest_known_one_are_placed_after_it(remote, source):
    known = [remote.commit("base", a="1"), remote.commit("newest", a="2")]
    new = [remote.commit("one"), remote.commit("two")]
    source.fetch()

    def list_since(head, newest):
        found = source.commits_since(head, known, newest)
        return [(commit.sha, commit.position) for commit in found]

    following = [*zip(new, (3, 4), strict=True)]
    assert list_since(new[1], (known[1], 2)) == following
    # In place of one that is not there, of another branch, and of the head, the known ones count.
    assert list_since(new[1], ("1" * 40, 2)) == following
    remote.git("checkout", "-q", "-b", "side", known[0])
    remote.commit("on the side", b="1")
    remote.git("merge", "-q", "--no-edit", "main")
    remote.git("branch", "-q", "--force", "main", "side")
    head = source.fetch()
    assert [place for _, place in list_since(head, (new[1], 4))] == [2, 3]
    assert list_since(known[1], (known[1], 2)) == []


def test_many_commits_after_the_newest_known_one_are_placed_too(remote, source):
    first = remote.commit("first")
    commit = b"commit refs/heads/main\ncommitter V <v@example.com> %d +0000\ndata 0\n"
    start = b"reset refs/heads/main\nfrom %s\n\n" % first.encode()
    remote.git("fast-import", "--quiet", feed=start + commit * 150 % (*range(150),))
    commits = source.commits_since(source.fetch(), {first}, (first, 1))
    assert [each.position for each in commits] == [*range(2, 152)]


def test_without_a_known_commit_only_the_head_is_returned(remote, source):
    remote.commit("one")
    head = remote.commit("two")
    source.fetch()
    assert [
        (commit.sha, commit.position) for commit in source.commits_since(head, ())
    ] == [(head, 2)]
    assert [commit.sha for commit in source.commits_since(head, {"0" * 40})] == [head]


def test_merged_side_commits_are_not_on_the_branch(remote, source):
    base = remote.commit("base", a="1")
    remote.git("checkout", "--quiet", "-b", "side")
    side = remote.commit("side", b="2")
    remote.git("checkout", "--quiet", "main")
    on_main = remote.commit("main goes on", c="3")
    remote.git("merge", "--quiet", "--no-ff", "-m", "merged", "side")
    head = source.fetch()
    commits = source.commits_since(head, {base})
    assert [(commit.sha, commit.parent, commit.subject) for commit in commits] == [
        (on_main, base, "main goes on"),
        (head, on_main, "merged"),
    ]
    assert commits[1].position == 3
    assert side not in {commit.sha for commit in commits}
    assert read_texts(source, head) == {"a.yaml": "1", "b.yaml": "2", "c.yaml": "3"}


def test_forced_push_is_followed(remote, source):
    remote.commit("base", a="1")
    old = remote.commit("lost", b="2")
    source.fetch()
    remote.git("reset", "--quiet", "--hard", "HEAD~1")
    head = remote.commit("instead", c="3")
    assert source.fetch() == head
    assert read_texts(source, old) == {"a.yaml": "1", "b.yaml": "2"}


def test_deleted_branch_has_no_head_and_old_commits_stay_readable(remote, source):
    old = remote.commit(a="1")
    source.fetch()
    remote.git("branch", "--move", "main", "renamed")
    assert source.fetch() is None
    assert read_texts(source, old) == {"a.yaml": "1"}
    remote.git("branch", "--move", "renamed", "main")
    assert source.fetch() == old


def test_empty_repository_has_no_head(source):
    assert source.fetch() is None


@pytest.mark.parametrize("form", ["{path}", "{path}/.git", "file://{path}"])
def test_local_repository_is_read_by_every_form_of_its_path(remote, make_source, form):
    head = remote.commit(a="1")
    assert make_source(form.format(path=remote.path)).fetch() == head


def test_repository_owned_by_another_user_is_read(remote, source):
    require_root("give files away")
    head = remote.commit(a="1")
    for path in [remote.path, *remote.path.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    assert source.fetch() == head


def test_missing_repository_is_an_error_until_it_appears(remote, make_source, tmp_path):
    source = make_source(str(tmp_path / "later"))
    with pytest.raises(SourceError, match="later"):
        source.fetch()
    head = remote.commit(a="1")
    remote.path.rename(tmp_path / "later")
    assert source.fetch() == head


@pytest.mark.parametrize("name", [b".git", b".GIT", b".."])
def test_harmful_tree_is_refused_and_the_old_head_stays(remote, source, name):
    old = remote.commit(a="1")
    source.fetch()
    harmful = remote.make_tree(
        b"040000 tree %s\t%s" % (remote.git("rev-parse", "main^{tree}").encode(), name)
    )
    head = remote.publish(harmful)
    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            source.fetch()
        assert caught.value.key == "git-refused"
        assert head in str(caught.value)
    assert read_texts(source, old) == {"a.yaml": "1"}
    remote.git("update-ref", "refs/heads/main", old)
    assert source.fetch() == old


def test_hooks_in_the_mirror_never_run(remote, source, tmp_path):
    remote.commit(a="1")
    source.fetch()
    hook = tmp_path / "state/mirror.git/hooks/reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    remote.commit(a="2")
    source.fetch()
    assert not (tmp_path / "hooked").exists()


def test_git_variables_of_the_environment_are_ignored(
    remote, source, tmp_path, monkeypatch
):
    for name in (
        "GIT_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_CONFIG_GLOBAL",
        "GIT_NAMESPACE",
        "GIT_EXEC_PATH",
    ):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "broken")
    head = remote.commit(a="1")
    assert source.fetch() == head
    assert read_texts(source, head) == {"a.yaml": "1"}


@pytest.mark.parametrize(
    "name", ["", "HEAD", "--all", "main", "a" * 39, "A" * 40, "a" * 40 + "\n"]
)
def test_invalid_object_id_never_reaches_git(source, name):
    for call in (
        lambda: source.commits_since(name, ()),
        lambda: source.dataset_trees(name),
        lambda: list(source.read([name])),
    ):
        with pytest.raises(SourceError) as caught:
            call()
        assert caught.value.key == "git-name"


@pytest.mark.parametrize("point", ["fetch.before", "fetch.after"])
def test_fetch_succeeds_after_a_process_was_killed_during_one(
    remote, source, tmp_path, point
):
    remote.commit(a="1")
    source.fetch()
    head = remote.commit(a="2")
    child = (
        "import sys, pathlib; from merlin.git.repository import GitSource;"
        "GitSource(sys.argv[1], 'main', 'datasets', pathlib.Path(sys.argv[2])).fetch()"
    )
    mirror = tmp_path / "state/mirror.git"
    command = [sys.executable, "-c", child, str(remote.path), str(mirror)]
    env = {**os.environ, "MERLIN_CRASH_AT": point}
    assert subprocess.run(command, env=env).returncode == 137
    assert (mirror / "merlin.lock").read_text()
    leftovers = [
        mirror / "refs/merlin/head.lock",
        mirror / "objects/pack/tmp_pack_killed",
    ]
    for path in leftovers:
        path.touch()
    remote.commit(a="3")
    assert source.fetch() == remote.git("rev-parse", "main")
    assert not any(path.exists() for path in leftovers)
    assert read_texts(source, head) == {"a.yaml": "2"}
