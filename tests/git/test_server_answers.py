"""What git says when a server refuses, told so that an operator can mend it."""

import subprocess

import pytest

from merlin.core.clock import utc_now
from merlin.core.errors import SourceError
from merlin.core.i18n import LANGUAGES, text
from merlin.dataset.commit_batch import CommitContext, GitBranch, commit_changes
from merlin.git.push import PushRefused
from tests.git.conftest import read_texts
from tests.git.test_repository import make_batch, make_edit
from tests.support.http_servers import Handler, serve_http

pytestmark = pytest.mark.functional

SECRET = "merlin:t0ken-of-merlin"
PAGE = b"<!doctype html><title>Sign in</title>"
HTML = "text/html; charset=utf-8"
MOVED = (
    "http://merlin:0ther-s3cret@example.com/new.git/info/refs?service=git-upload-pack"
)

# What the server answers: status, body and headers; the address's secret; the text's key; a part
# of the text in both languages.
ANSWERS = {
    "token": (
        (401, b"", {"WWW_Authenticate": 'Basic realm="x"'}),
        SECRET,
        "git-token-refused",
    ),
    "none": (
        (401, b"", {"WWW_Authenticate": 'Basic realm="x"'}),
        "",
        "git-token-missing",
    ),
    "forbidden": ((403, b"", {}), SECRET, "git-token-weak"),
    "absent": ((404, b"", {}), SECRET, "git-not-found"),
    "page": ((200, PAGE + b"\n", {"Content_Type": HTML}), SECRET, "git-web-page"),
    # git takes it for a repository without branches.
    "one-line": ((200, PAGE, {"Content_Type": HTML}), "", "git-web-page"),
    "text": ((200, b"hello\n", {"Content_Type": "text/plain"}), "", "git-web-page"),
    "moved": ((301, b"", {"Location": MOVED}), SECRET, "git-moved"),
    "sign-in": (
        (302, b"", {"Location": "/login?t=0ther-s3cret"}),
        SECRET,
        "git-web-page",
    ),
    "broken": ((503, b"", {}), SECRET, "git-failed"),
}
NAMED = {
    "absent": "/r.git",
    "moved": " http://example.com/new.git.",
    "sign-in": "/login",
    "broken": "returned error: 503",
}


class Answering(Handler):
    def get(self):
        status, content, headers = self.server.reply
        self.answer(
            status, content if self.path.startswith("/r.git") else PAGE, **headers
        )


def tell(source, language):
    """Return what is said in a language about a repository that cannot be fetched, and its key."""
    with pytest.raises(SourceError) as caught:
        source.fetch()
    assert "t0ken" not in f"{caught.value} {caught.value.arguments}"
    return text(language, caught.value.key, **caught.value.arguments), caught.value.key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ANSWERS)
def test_answer_of_a_server_is_told_with_what_to_do(make_source, name, language):
    reply, secret, key = ANSWERS[name]
    with serve_http(Answering) as server:
        server.reply = reply
        place = f"127.0.0.1:{server.server_port}/r.git"
        told, found = tell(
            make_source(f"http://{secret}{'@' * bool(secret)}{place}"), language
        )
    assert found == key
    assert NAMED.get(name, "") in told
    assert "s3cret" not in told
    assert "t0ken-of-merlin" not in told


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("git@example.com: Permission denied (publickey).", "git-key-refused"),
        ("Host key verification failed.", "git-host-key"),
        ("ssh: Could not resolve hostname example.com", "git-no-host"),
        ("kex_exchange_identification: Connection closed by remote host", "git-failed"),
        ("ERROR: Repository not found.", "git-not-found"),
        ("fatal: mismatched algorithms: client sha1; server sha256", "git-sha256"),
    ],
)
def test_refusal_of_ssh_is_told_with_what_to_do(
    make_source, tmp_path, monkeypatch, words, key
):
    ssh = tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 255\n", encoding="utf-8")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    assert tell(make_source("git@example.com:school/r.git"), "en")[1] == key


def test_repository_with_sha_256_is_refused_until_its_history_is_moved(
    remote, make_remote, make_source, intents, tmp_path
):
    other = make_remote("sha256", "--object-format=sha256")
    settings = CommitContext(GitBranch(make_source(str(other.path))), intents, utc_now)
    with pytest.raises(PushRefused) as refused:  # it has no commit that could be read
        commit_changes(settings, make_batch(make_edit("a", "1\n")))
    assert refused.value.key == "git-sha256"
    other.commit(a="1")
    source = make_source(str(other.path))
    for call in (source.fetch, source.remote_head):
        with pytest.raises(SourceError) as caught:
            call()
        assert caught.value.key == "git-sha256"
    for language in LANGUAGES:
        told = text(language, "git-sha256")
        assert "git init --bare --object-format=sha1" in told
        assert "fast-export --all | git -C" in told
    stream = subprocess.run(
        ["git", "-C", other.path, "fast-export", "--all"], capture_output=True
    )
    bare = make_remote("new", "--bare", "--object-format=sha1")
    bare.git("fast-import", feed=stream.stdout)
    moved = make_source(str(bare.path), mirror=tmp_path / "other.git")
    assert read_texts(moved, moved.fetch()) == {"a.yaml": "1"}


@pytest.mark.parametrize(
    ("version", "reason"),
    [("1", "unknown repository extension"), ("2", "Expected git repo version")],
)
def test_repository_of_a_newer_format_is_refused(remote, source, version, reason):
    remote.commit(a="1")
    remote.git("config", "extensions.refStorage", "reftable")
    remote.git("config", "core.repositoryFormatVersion", version)
    for language in LANGUAGES:
        told, key = tell(source, language)
        assert key == "git-format"
        assert reason in told


def test_folder_without_a_repository_is_told(make_source, tmp_path):
    (tmp_path / "folder").mkdir()
    told, key = tell(make_source(str(tmp_path / "folder")), "en")
    assert key == "git-not-found"
    assert str(tmp_path / "folder") in told
