"""Real repositories, built by git itself, and a real HTTP server that does as it is told."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from urllib.parse import parse_qs, urlsplit

import pytest
from breaking_proxy import proxied
from gateway_calls import gateway_at
from local_servers import Handler, Server, serve_http
from waiting import longest

from merlin.git.repository import GitSource
from merlin.sandbox.yookassa.server import YooKassaStandIn


class Remote:
    """A repository with a work tree, as an editor has it."""

    def __init__(self, path, *, bare=False):
        self.path = path
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith("GIT_")
        } | {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Вера",
            "GIT_AUTHOR_EMAIL": "vera@example.com",
            "GIT_COMMITTER_NAME": "Вера",
            "GIT_COMMITTER_EMAIL": "vera@example.com",
        }
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", *(["--bare"] if bare else []))

    def git(self, *arguments, feed=b""):
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=self.env, input=feed, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(self, message="change", **files):
        """Write datasets/neuro/<name>.yaml for each file and commit; return the id."""
        for name, text in files.items():
            self.write(f"datasets/neuro/{name}.yaml", text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--file=-", feed=message.encode())
        return self.git("rev-parse", "HEAD")

    def write(self, path, text):
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def tree(self, *lines):
        """Make a tree of `git mktree` lines, whatever they say; return its id."""
        return self.git("mktree", "-z", feed=b"".join(line + b"\0" for line in lines))

    def blob(self, content):
        return self.git("hash-object", "-w", "--stdin", feed=content)

    def publish(self, top, message="made by hand"):
        """Commit a tree by its id and make it main's head; return the commit's id."""
        parents = ["-p", "main"] if self.git("branch", "--list", "main") else []
        made = self.git("commit-tree", top, *parents, "-m", message)
        self.git("update-ref", "refs/heads/main", made)
        return made


@pytest.fixture
def remote(tmp_path):
    return Remote(tmp_path / "editor")


@pytest.fixture
def source(make_source):
    return make_source()


@pytest.fixture
def make_source(remote, tmp_path):
    def make(url=None, **settings):
        mirror = tmp_path / "state/mirror.git"
        return GitSource(url or str(remote.path), "main", "datasets", mirror, **settings)

    return make


@pytest.fixture
def make_remote(tmp_path):
    def make(name, *, bare=False):
        return Remote(tmp_path / name, bare=bare)

    return make


@dataclass(frozen=True)
class Reply:
    """What the scripted server does with one call.

    `body`: JSON (dict or list), bytes as they are, or a list of bytes sent one by one.
    `drop`: read the call, then close without a word. `hang`: never answer. `cut`: promise
    more than is sent. `pause_s`: between the parts of a list.
    """

    body: object = b""
    status: int = 200
    headers: tuple = ()
    drop: bool = False
    hang: bool = False
    cut: bool = False
    pause_s: float = 0.0


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Scripted(Server):
    """Answers calls by `script` in order; the last reply is repeated. Keeps all calls."""

    def __init__(self):
        self.script, self.calls, self.closing = [], [], Event()
        super().__init__(ScriptedHandler)

    @property
    def base_url(self):
        return f"{self.url}/v1"

    def will(self, *replies):
        self.script[:] = [r if isinstance(r, Reply) else Reply(r) for r in replies]


class ScriptedHandler(Handler):
    def handle_call(self):
        parts = urlsplit(self.path)
        call = Call(
            self.command,
            parts.path,
            parse_qs(parts.query),
            {k.lower(): v for k, v in self.headers.items()},
            self.body(),
        )
        self.server.calls.append(call)
        script = self.server.script
        with suppress(OSError):  # who asked may have gone
            self.reply(script.pop(0) if len(script) > 1 else script[0])

    get = post = do_DELETE = handle_call  # noqa: N815 - the library's names

    def reply(self, reply):
        self.close_connection = reply.drop or reply.hang or reply.cut
        if reply.hang:
            self.server.closing.wait(longest())
        if reply.drop or reply.hang:
            return
        body = reply.body
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        parts = body if isinstance(body, list) else [body]
        self.send_response(reply.status)
        self.send_header("Content-Length", str(sum(map(len, parts)) + 100 * reply.cut))
        self.send_header("Content-Type", "application/json")
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()
            time.sleep(reply.pause_s)


@pytest.fixture
def server():
    with serve_http(Scripted()) as made:
        yield made
        made.closing.set()


@pytest.fixture
def reply():
    return Reply


@pytest.fixture(scope="module")
def standing_shop():
    with YooKassaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def shop(standing_shop):
    """The stand-in of the till, without a fault that another test left."""
    yield standing_shop
    standing_shop.faults.clear()


@pytest.fixture
def gateway(shop):
    with gateway_at(shop.base_url) as made:
        yield made


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A proxy before a real engine: what the conformance suite is tried on."""
    with proxied(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture
def proxy(engine):
    """The same, changing nothing until a test says what."""
    engine.mend()
    return engine
