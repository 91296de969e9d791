"""Notes on commits: written once, pushed, and merged with notes of others."""

import pytest

from merlin.core.errors import SourceError

pytestmark = pytest.mark.functional


def read_note(repository, commit):
    return repository.git("notes", "--ref", "merlin", "show", commit)


@pytest.fixture
def mirror_git(make_remote, remote, tmp_path):
    def git(*arguments):
        return remote.git(f"--git-dir={tmp_path}/state/mirror.git", *arguments)

    return git


def test_note_is_stored_in_the_mirror_unchanged(remote, source, mirror_git):
    head = remote.commit(a="1")
    source.fetch()
    source.note(head, "  serving neuro-1\n\n\n# служит\n")
    blob = mirror_git("notes", "--ref", "merlin", "list", head)
    assert mirror_git("cat-file", "-s", blob) == str(
        len("  serving neuro-1\n\n\n# служит\n".encode())
    )


def test_repeated_note_changes_nothing(remote, source, mirror_git):
    head = remote.commit(a="1")
    source.fetch()
    source.note(head, "training")
    before = mirror_git("rev-parse", "refs/notes/merlin")
    source.note(head, "training")
    assert mirror_git("rev-parse", "refs/notes/merlin") == before
    source.note(head, "serving")
    assert mirror_git("notes", "--ref", "merlin", "show", head) == "serving"
    assert mirror_git("rev-list", "--count", "refs/notes/merlin") == "2"


def test_notes_are_not_pushed_unless_configured(remote, source):
    head = remote.commit(a="1")
    source.fetch()
    source.note(head, "serving")
    assert remote.git("for-each-ref", "refs/notes") == ""


def test_note_is_pushed(remote, make_source):
    source = make_source(push_notes=True)
    head = remote.commit(a="1")
    source.fetch()
    source.note(head, "serving")
    source.share_notes()
    assert read_note(remote, head) == "serving"


def test_notes_of_others_are_kept_and_ours_are_added(remote, make_source):
    source = make_source(push_notes=True)
    first, second = remote.commit(a="1"), remote.commit(a="2")
    source.fetch()
    source.note(second, "ours")
    source.share_notes()
    remote.git("notes", "--ref", "merlin", "add", "-f", "-m", "theirs", first)
    remote.git("notes", "--ref", "merlin", "add", "-f", "-m", "theirs too", second)
    source.note(second, "ours, later")
    source.share_notes()
    assert read_note(remote, first) == "theirs"
    assert read_note(remote, second) == "ours, later"


def test_notes_with_separate_histories_are_merged(remote, make_source):
    source = make_source(push_notes=True)
    first, second = remote.commit(a="1"), remote.commit(a="2")
    source.fetch()
    remote.git("notes", "--ref", "merlin", "add", "-m", "begun elsewhere", first)
    source.note(second, "serving")
    source.share_notes()
    assert read_note(remote, first) == "begun elsewhere"
    assert read_note(remote, second) == "serving"


def test_failed_push_is_repeated_with_the_next_one(remote, make_source, tmp_path):
    source = make_source(push_notes=True)
    head = remote.commit(a="1")
    source.fetch()
    remote.path.rename(tmp_path / "away")
    source.note(head, "serving")
    with pytest.raises(SourceError):
        source.share_notes()
    (tmp_path / "away").rename(remote.path)
    source.share_notes()
    assert read_note(remote, head) == "serving"


def test_note_to_an_unknown_commit_is_an_error(remote, source):
    remote.commit(a="1")
    source.fetch()
    with pytest.raises(SourceError):
        source.note("1" * 40, "text")
