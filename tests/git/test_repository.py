"""Changes become commits on the branch: in the editor's name, on the newest head, never forced."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from merlin.core.clock import utc_now
from merlin.core.errors import Refused, SourceError
from merlin.dataset.changes import CONFLICT, Batch, ChangeRequest, Edit, make_changes
from merlin.dataset.commit_batch import CommitContext, GitBranch, commit_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.git.repository import GitSource
from merlin.git.source import blob_id
from tests.support.endless_trees import make_endless

pytestmark = pytest.mark.functional

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
VERA = ChangeRequest(telegram_editor(7, "Вера Админ"), "7", AT)


def make_batch(*edits, request=VERA, subject=""):
    changes = make_changes("neuro", edits, request, subject)
    return Batch(changes[0].batch, changes)


def make_edit(name, text, before=None):
    return Edit(f"examples/{name}.yaml", before, text)


@pytest.fixture
def bare(make_remote):
    return make_remote("shared.git", "--bare")


@pytest.fixture
def make_settings(make_source, intents):
    def make(url, **settings):
        return CommitContext(
            GitBranch(make_source(str(url), **settings)), intents, lambda: AT
        )

    return make


@pytest.fixture
def settings(bare, make_settings):
    return make_settings(bare.path)


def show(remote, path, head="main"):
    return remote.git("show", f"{head}:datasets/neuro/{path}")


def test_change_is_a_commit_under_the_editors_name(bare, settings):
    batch = make_batch(make_edit("face/fixation", "текст: да\n"))
    result = commit_changes(settings, batch)
    assert result.commit == bare.git("rev-parse", "main")
    assert show(bare, "examples/face/fixation.yaml") == "текст: да"
    text = bare.git("log", "-1", "--format=%an|%ae|%cn|%at|%B")
    assert text.splitlines()[0].startswith("Вера Админ|7@telegram.invalid|Merlin|1795")
    assert text.splitlines()[0].endswith("|New example “face/fixation”")
    trailers = bare.git("log", "-1", "--format=%(trailers:only)").splitlines()
    assert trailers == [
        f"Merlin-Id: {batch.batch_id}",
        "Merlin-Editor: Вера Админ <7@telegram.invalid>",
    ]


def test_other_files_stay_unchanged(remote, make_settings):
    remote.git("config", "receive.denyCurrentBranch", "updateInstead")
    remote.commit(a="1", b="2")
    remote.write("datasets/neuro/run.sh", "x")
    (remote.path / "datasets/neuro/run.sh").chmod(0o755)
    old = remote.commit()
    commit_changes(make_settings(remote.path), make_batch(make_edit("new", "x: 1\n")))
    assert (
        remote.git("diff", "--name-status", old, "main")
        == "A\tdatasets/neuro/examples/new.yaml"
    )
    assert (remote.path / "datasets/neuro/examples/new.yaml").read_text() == "x: 1\n"
    assert remote.git("status", "--porcelain") == ""


def test_edit_and_deletion_replace_what_the_editor_saw(bare, settings):
    commit_changes(
        settings,
        make_batch(
            make_edit("a", "1\n"), make_edit("b", "2\n"), subject="Import 2 examples"
        ),
    )
    blobs = {
        name: bare.git("rev-parse", f"main:datasets/neuro/examples/{name}.yaml")
        for name in "ab"
    }
    commit_changes(
        settings,
        make_batch(
            make_edit("a", "one\n", blobs["a"]), make_edit("b", None, blobs["b"])
        ),
    )
    assert (
        bare.git("ls-tree", "-r", "--name-only", "main")
        == "datasets/neuro/examples/a.yaml"
    )
    assert show(bare, "examples/a.yaml") == "one"
    assert bare.git("rev-list", "--count", "main") == "2"


def test_batch_with_a_file_that_another_changed_is_refused_whole(bare, settings):
    commit_changes(settings, make_batch(make_edit("a", "mine\n")))
    head = bare.git("rev-parse", "main")
    changed = make_batch(make_edit("b", "new\n"), make_edit("a", "yours\n"))
    deleted = make_batch(make_edit("gone", "2\n", "0" * 39 + "1"))
    for batch in (changed, deleted):
        with pytest.raises(Refused) as caught:
            commit_changes(settings, batch)
        assert caught.value.key == CONFLICT
    assert caught.value.arguments["path"] == "neuro/examples/gone.yaml"
    assert bare.git("rev-parse", "main") == head, "nothing of the batch is pushed"


def test_existing_content_needs_no_commit(bare, settings):
    first = commit_changes(settings, make_batch(make_edit("a", "1\n")))
    commit_changes(settings, make_batch(make_edit("b", "2\n")))
    assert commit_changes(settings, make_batch(make_edit("a", "1\n"))) == first
    assert bare.git("rev-list", "--count", "main") == "2"


def test_commit_is_found_on_the_branch_after_a_lost_response(bare, settings):
    batch = make_batch(make_edit("a", "1\n"))
    result = commit_changes(settings, batch)
    commit_changes(settings, make_batch(make_edit("b", "2\n")))
    # The state after a kill before the answer.
    settings.intents.mark_sending(f"change:{batch.batch_id}", AT)
    assert commit_changes(settings, batch) == result
    assert commit_changes(settings, batch) == result
    assert bare.git("rev-list", "--count", "main") == "2"


def test_first_commit_of_a_repository_is_made_after_a_push_that_never_arrived(
    bare, settings
):
    batch = make_batch(make_edit("a", "1\n"))
    settings.intents.open(f"change:{batch.batch_id}", "change")
    settings.intents.mark_sending(f"change:{batch.batch_id}", AT)
    assert commit_changes(settings, batch).commit == bare.git("rev-parse", "main")


def test_branch_may_advance_between_fetch_and_push(bare, settings, make_remote):
    branch = settings.branch
    other = make_batch(make_edit("other", "1\n"))
    batch = make_batch(make_edit("a", "1\n"))
    head = branch.head()
    written = branch.write(head, batch)
    commit_changes(settings, other)
    assert branch.push(written.commit, head) is False
    assert commit_changes(settings, batch).commit
    assert bare.git("rev-list", "--count", "main") == "2"


def test_deleted_branch_is_not_created_again(bare, settings):
    commit_changes(settings, make_batch(make_edit("a", "1\n")))
    bare.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(SourceError) as caught:
        commit_changes(settings, make_batch(make_edit("b", "1\n")))
    assert caught.value.key == "change-no-branch"
    assert bare.git("branch", "--list", "main") == ""


def test_checked_out_branch_is_reported_with_its_folder(remote, make_settings):
    remote.commit(a="1")
    with pytest.raises(SourceError) as caught:
        commit_changes(make_settings(remote.path), make_batch(make_edit("b", "1\n")))
    assert caught.value.key == "change-checked-out"
    assert caught.value.arguments["folder"] == str(remote.path)


def test_work_tree_with_uncommitted_changes_is_left_unchanged(remote, make_settings):
    remote.git("config", "receive.denyCurrentBranch", "updateInstead")
    remote.commit(a="1")
    remote.write("datasets/neuro/a.yaml", "half an edit")
    with pytest.raises(SourceError) as caught:
        commit_changes(make_settings(remote.path), make_batch(make_edit("b", "1\n")))
    assert caught.value.key == "change-work-tree"
    assert (remote.path / "datasets/neuro/a.yaml").read_text() == "half an edit"


def test_hooks_of_a_local_repository_are_not_run(bare, settings, tmp_path):
    for name in ("pre-receive", "update", "post-receive", "post-update"):
        hook = bare.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    commit_changes(settings, make_batch(make_edit("a", "1\n")))
    assert not (tmp_path / "ran").exists()


def test_refusal_of_the_repository_leaves_the_branch_uncreated(bare, settings):
    bare.git("config", "receive.denyDeletes", "true")
    bare.git("config", "receive.fsckObjects", "true")
    bare.git("config", "receive.maxInputSize", "1")
    with pytest.raises(SourceError):
        commit_changes(settings, make_batch(make_edit("a", "1\n" * 1000)))
    assert bare.git("branch", "--list", "main") == ""


@pytest.mark.parametrize(
    ("make", "edited"),
    [
        (lambda examples: (examples / "face").write_text("a file"), "face/fixation"),
        (lambda examples: (examples / "face.yaml/x").mkdir(parents=True), "face"),
        (lambda examples: (examples / "face.yaml").symlink_to("/etc/passwd"), "face"),
        (lambda examples: (examples / "face").symlink_to("/etc"), "face/fixation"),
    ],
)
def test_anything_else_in_the_place_of_a_file_is_refused(
    bare, settings, remote, make, edited
):
    remote.write("datasets/neuro/examples/other.yaml", "1\n")
    make(remote.path / "datasets/neuro/examples")
    for folder in remote.path.glob("datasets/neuro/examples/*/x"):
        (folder / "file").write_text("a file")
    remote.commit()
    remote.git("push", "--quiet", str(bare.path), "main")
    with pytest.raises(Refused) as caught:
        commit_changes(settings, make_batch(make_edit(edited, "1\n")))
    assert caught.value.key == "change-in-the-way"


def test_batch_whose_file_is_the_folder_of_another_is_refused(bare, settings):
    batch = make_batch(make_edit("a", "1\n"), make_edit("a.yaml/b", "2\n"))
    with pytest.raises(Refused) as caught:
        commit_changes(settings, batch)
    assert caught.value.key == "change-in-the-way"
    assert caught.value.arguments["path"] == "datasets/neuro/examples/a.yaml"


def test_commit_that_was_refused_leaves_the_mirror_after_a_week(
    remote, make_source, intents
):
    remote.commit(a="1")
    source = make_source()
    settings = CommitContext(GitBranch(source), intents, lambda: AT)
    with pytest.raises(SourceError):  # the branch is checked out
        commit_changes(settings, make_batch(make_edit("b", "1\n")))
    shas = source.run("for-each-ref", "--format=%(objectname)").decode().split()
    (made,) = {*shas} - {remote.git("rev-parse", "main")}
    source.clean([], 0, utc_now() + timedelta(days=9))
    with pytest.raises(SourceError):
        source.commits_since(made, ())


def test_nothing_is_added_to_a_removed_dataset(bare, settings, remote):
    remote.write("datasets/neuro/dataset.yaml", "x")
    remote.write("datasets/other/dataset.yaml", "x")
    remote.commit()
    remote.git("rm", "-qr", "datasets/neuro")
    remote.git("commit", "-qm", "Remove neuro")
    remote.git("push", "--quiet", str(bare.path), "main")
    with pytest.raises(Refused) as caught:
        commit_changes(settings, make_batch(make_edit("a", "1\n")))
    assert caught.value.key == "change-dataset-gone"
    # A dataset added again with its dataset.yaml is a new one.
    assert commit_changes(
        settings, make_batch(make_edit("a", "1\n"), Edit("dataset.yaml", None, "x\n"))
    ).commit


def test_concurrent_committers_lose_and_duplicate_nothing(bare, tmp_path, intents):
    def commit_all(number):
        mirror = tmp_path / f"machine-{number}/mirror.git"
        source = GitSource(str(bare.path), "main", "datasets", mirror)
        rng = random.Random(number)  # noqa: S311 - an order, no secret
        settings = CommitContext(GitBranch(source), intents, lambda: AT)
        names = [f"{number}/q{question}" for question in range(5)]
        rng.shuffle(names)
        return [
            commit_changes(settings, make_batch(make_edit(name, f"{name}\n"))).commit
            for name in names
        ]

    with ThreadPoolExecutor(3) as pool:
        commits = [sha for shas in pool.map(commit_all, range(3)) for sha in shas]
    assert len(set(commits)) == 15
    assert bare.git("rev-list", "--count", "main") == "15"
    assert set(bare.git("rev-list", "main").split()) == set(commits)
    assert len(bare.git("ls-tree", "-r", "--name-only", "main").splitlines()) == 15
    bare.git("fsck", "--strict")


def test_edit_reads_and_keeps_nothing_beside_its_own_folders(remote, bare, settings):
    """A folder that names files without end, a submodule, and a name that is no UTF-8."""
    tree = make_endless(remote.path, f"100644 blob {remote.make_blob(b'x')}")
    module = b"160000 commit " + b"1" * 40 + b"\tmodule"
    script = f"100755 blob {remote.make_blob(b'y')}\t".encode() + b"\xff\n.sh"
    remote.publish(remote.make_tree(f"{tree}\tbomb".encode(), module, script))
    remote.git("push", "-q", str(bare.path), "main")
    commit_changes(settings, make_batch(make_edit("a/b", "1\n"), make_edit("c", "2\n")))
    assert (show(bare, "examples/a/b.yaml"), show(bare, "examples/c.yaml")) == (
        "1",
        "2",
    )
    listed = bare.git("ls-tree", "-z", "main").split("\0")
    ours = [line for line in listed if line.endswith("\tdatasets")]
    assert {*listed} - {*ours} == {*bare.git("ls-tree", "-z", "main^").split("\0")}
    commit_changes(
        settings, make_batch(Edit("examples/a/b.yaml", blob_id("1\n"), None))
    )
    assert (
        bare.git("ls-tree", "--name-only", "main:datasets/neuro/examples") == "c.yaml"
    )
