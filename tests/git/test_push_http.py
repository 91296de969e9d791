"""Pushing over real HTTP: passwords, refusals, answers that get lost after the push was taken."""

from __future__ import annotations

import base64
import os
import subprocess
from datetime import UTC, datetime

import pytest

from merlin.core.errors import SourceError
from merlin.dataset.changes import Batch, ChangeRequest, Edit, make_changes
from merlin.dataset.commit_batch import CommitSettings, GitBranch, commit_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.git.push import ContentRefused
from merlin.git.repository import GitSource
from tests.support.http_servers import Handler, serve_http
from tests.support.memory_intents import Intents

pytestmark = pytest.mark.functional

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SECRET = "merlin:t0ken-of-merlin"


class Backend(Handler):
    """git's own http-backend; `server.drops` ends so many answers to a push before their end."""

    protocol_version = "HTTP/1.0"  # on a kept connection git would try again by itself

    def get(self):
        self.backend(b"")

    def post(self):
        self.backend(self.body())

    def backend(self, body):
        wanted = "Basic " + base64.b64encode(SECRET.encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.send_error(401)
            return
        path, _, query = self.path.partition("?")
        told = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "merlin",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env={**os.environ, **told}
        )
        is_push = self.command == "POST" and path.endswith("receive-pack")
        if is_push and self.server.drops:
            self.server.drops -= 1
            self.close_connection = True
            return
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.answer(int(fields.pop("Status", "200 OK").split()[0]), content, **fields)


@pytest.fixture
def server(make_remote):
    bare = make_remote("shared.git", bare=True)
    bare.git("config", "http.receivepack", "true")
    with serve_http(Backend) as made:
        made.root, made.drops, made.bare = bare.path.parent, 0, bare
        yield made


@pytest.fixture
def press_as(server, tmp_path):
    def make(secret):
        url = f"http://{secret}@127.0.0.1:{server.server_port}/shared.git"
        source = GitSource(url, "main", "datasets", tmp_path / "mirror.git")
        return CommitSettings(GitBranch(source), Intents(), lambda: AT)

    return make


@pytest.fixture
def batch():
    edits = [Edit("examples/a.yaml", None, "x\n")]
    changes = make_changes("neuro", edits, ChangeRequest(telegram_editor(7, "Вера"), "7", AT))
    return Batch(changes[0].batch, changes)


def test_a_push_with_a_password_lands(server, press_as, batch):
    landed = commit_changes(press_as(SECRET), batch)
    assert landed.commit == server.bare.git("rev-parse", "main")


@pytest.mark.parametrize(
    "words",
    [
        "GH013: Repository rule violations found",
        "Permission denied: a token lies at line 3",
        "[rejected] cannot lock ref, says the hook",
    ],
)
def test_what_a_hook_of_the_server_declines_is_refused_with_its_words(
    server, press_as, batch, words
):
    hook = server.bare.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nprintf '\\n-----\\n\\n\\n\\n%s\\n' '{words}' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ContentRefused) as caught:
        commit_changes(press_as(SECRET), batch)
    assert caught.value.key == "change-push-refused"
    assert words in caught.value.arguments["reason"]


def test_a_lost_answer_is_no_second_commit(server, press_as, batch):
    press = press_as(SECRET)
    server.drops = 1
    with pytest.raises(SourceError):
        commit_changes(press, batch)
    landed = commit_changes(press, batch)
    assert landed.commit == server.bare.git("rev-parse", "main")
    assert server.bare.git("rev-list", "--count", "main") == "1"


def test_who_may_read_alone_is_told_so_without_the_password(server, press_as, batch):
    server.bare.git("config", "http.receivepack", "false")
    with pytest.raises(SourceError) as caught:
        commit_changes(press_as(SECRET), batch)
    assert caught.value.key == "change-denied"
    assert "t0ken" not in str(caught.value) + str(caught.value.arguments)


def test_a_wrong_password_is_told(press_as, batch):
    with pytest.raises(SourceError) as caught:
        commit_changes(press_as("merlin:wrong-token"), batch)
    assert "wrong-token" not in str(caught.value)


def test_a_hook_that_says_no_is_told_with_its_words(server, press_as, batch):
    hook = server.bare.path / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho the branch is protected >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(SourceError) as caught:
        commit_changes(press_as(SECRET), batch)
    assert caught.value.key == "change-push-refused"
    assert "the branch is protected" in caught.value.arguments["reason"]
