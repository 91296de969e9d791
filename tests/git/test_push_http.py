"""Pushing over HTTP: passwords, refusals, responses lost after the push was accepted."""

from datetime import UTC, datetime

import pytest

from merlin.core.errors import SourceError
from merlin.core.i18n import text
from merlin.dataset.changes import (
    Batch,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_batch import CommitContext, GitBranch, commit_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.git.push import ContentRefused
from merlin.git.repository import GitSource
from tests.support.git_server import SECRET, serve_git

pytestmark = pytest.mark.functional

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def server(make_remote):
    bare = make_remote("shared.git", "--bare")
    bare.git("config", "http.receivepack", "true")
    with serve_git(bare.path.parent) as server:
        server.bare = bare
        yield server


@pytest.fixture
def settings(server, tmp_path, intents, cipher):
    intents.db.cipher = cipher
    url = f"http://{SECRET}@127.0.0.1:{server.server_port}/shared.git"
    source = GitSource(url, "main", "datasets", tmp_path / "mirror.git")
    return CommitContext(GitBranch(source), intents, lambda: AT)


@pytest.fixture
def batch():
    edits = [Edit("examples/a.yaml", None, "x\n")]
    changes = make_changes(
        "neuro", edits, ChangeRequest(telegram_editor(7, "Вера"), "7", AT)
    )
    return Batch(changes[0].batch, changes)


@pytest.mark.parametrize(
    "message",
    [
        "GH013: Repository rule violations found",
        "Permission denied: a token lies at line 3",
        "[rejected] cannot lock ref, says the hook",
    ],
)
def test_push_declined_by_a_server_hook_is_refused_with_its_words(
    server, settings, batch, message
):
    hook = server.bare.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nprintf '\\n-----\\n\\n\\n\\n%s\\n' '{message}' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    with pytest.raises(ContentRefused) as caught:
        commit_changes(settings, batch)
    assert caught.value.key == "change-push-refused"
    assert message in caught.value.arguments["reason"]


def fail_to_commit(settings, batch):
    """Try to commit a queued batch, which then waits as the daemon leaves it; return the queue."""
    rows = Changes(settings.intents.db, settings.clock)
    rows.put(batch.changes)
    with pytest.raises(SourceError) as caught:
        commit_changes(settings, rows.claim())
    rows.put_aside(batch, ChangeState.WAITING, caught.value.key, caught.value.arguments)
    return rows


def test_lost_response_does_not_create_a_second_commit(server, settings, batch):
    server.drops = 1
    rows = fail_to_commit(settings, batch)
    assert not rows.withdraw(batch.batch_id), "it is on the branch already"
    result = commit_changes(settings, batch)
    assert result.commit == server.bare.git("rev-parse", "main")
    assert server.bare.git("rev-list", "--count", "main") == "1"


def test_read_only_access_is_reported_without_the_password(server, settings, batch):
    server.bare.git("config", "http.receivepack", "false")
    rows = fail_to_commit(settings, batch)
    change = rows.get(batch.batch_id)
    assert change.reason == "change-denied"
    assert "право записи" in text("ru", "change-denied", **change.arguments)
    assert "t0ken" not in str(change.arguments)
    assert rows.withdraw(batch.batch_id), "nothing was pushed"


def test_token_that_only_reads_is_told_from_one_without_write_access(
    server, settings, batch
):
    server.refuses = "receive-pack"
    change = fail_to_commit(settings, batch).get(batch.batch_id)
    assert change.reason == "git-token-refused"
    assert "t0ken" not in str(change.arguments)
