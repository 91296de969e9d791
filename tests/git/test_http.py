"""Fetching over HTTP: passwords, silent servers, redirects."""

import base64
import os
import subprocess
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler
from threading import Event, Thread

import pytest
import yaml

from merlin.core.errors import SourceError
from tests.support.ending import wait_for_end
from tests.support.forked_processes import run_processes, wait_for_exit
from tests.support.http_servers import Server, serve_http
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


class Folder(Server):
    """Serves a folder, with basic authentication or a redirect to `moved_to`."""

    def __init__(self, folder, secret="", moved_to=""):
        self.folder = folder
        self.secret = secret
        self.moved_to = moved_to
        self.may_answer = Event()
        self.has_request = Event()
        self.has_held = Event()
        self.may_answer.set()
        self.held = ""  # what waits for `may_answer`: paths that contain this
        self.credentials = []
        super().__init__(Handler)


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, request, client, server):
        super().__init__(request, client, server, directory=str(server.folder))

    def do_GET(self):
        server = self.server
        server.credentials.append(self.headers.get("Authorization", ""))
        server.has_request.set()
        if server.held in self.path:
            server.has_held.set()
            server.may_answer.wait(longest())
        expected = "Basic " + base64.b64encode(server.secret.encode()).decode()
        if server.moved_to:
            self.send_response(302)
            self.send_header("Location", server.moved_to + self.path)
            self.end_headers()
        elif server.secret and self.headers.get("Authorization") != expected:
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *arguments):
        pass


@contextmanager
def serve_folder(folder, **options):
    with serve_http(Folder(folder, **options)) as server:
        try:
            yield server
        finally:
            server.may_answer.set()


def make_url(server, credentials=""):
    return f"http://{credentials}127.0.0.1:{server.server_port}/.git"


@pytest.fixture
def head(remote):
    head = remote.commit(a="1")
    remote.git("update-server-info")
    return head


def test_password_is_accepted_and_stored_in_no_file(
    remote, make_source, head, tmp_path
):
    with serve_folder(remote.path, secret="vera:s3cret-w0rd") as server:
        assert make_source(make_url(server, "vera:s3cret-w0rd@")).fetch() == head
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()


def test_password_is_not_sent_after_a_redirect(remote, make_source, head):
    with serve_folder(remote.path) as elsewhere:
        other_url = f"http://127.0.0.1:{elsewhere.server_port}"
        with (
            serve_folder(remote.path, moved_to=other_url) as server,
            pytest.raises(SourceError),
        ):
            make_source(make_url(server, "vera:s3cret-w0rd@")).fetch()
        assert elsewhere.credentials == []


def test_password_is_absent_from_command_lines(remote, make_source, head):
    with serve_folder(remote.path, secret="vera:s3cret-w0rd") as server:
        server.may_answer.clear()
        source = make_source(make_url(server, "vera:s3cret-w0rd@"))
        fetching = Thread(target=source.fetch)
        fetching.start()
        assert server.has_request.wait(longest())
        lines = list_command_lines()
        server.may_answer.set()
        wait_for_end(fetching)
    assert any("ls-remote" in line for line in lines)
    assert not any("s3cret-w0rd" in line for line in lines)


def test_silent_server_times_out_without_leaving_a_child(remote, make_source, head):
    with serve_folder(remote.path) as server:
        server.may_answer.clear()
        with pytest.raises(SourceError) as caught:
            make_source(make_url(server), timeout_s=0.3).fetch()
        assert caught.value.key == "git-slow"
        # A killed process may take a moment to end.
        wait_until(
            lambda: (
                not any(
                    str(server.server_port) in line for line in list_command_lines()
                )
            )
        )


def test_stopped_daemon_does_not_wait_for_a_transfer(remote, head, tmp_path):
    with serve_folder(remote.path) as server:
        server.held = "/objects/"
        server.may_answer.clear()
        config = tmp_path / "config.yaml"
        values = {"url": make_url(server), "directory": ""}
        values = {
            "state_dir": str(tmp_path / "state"),
            "repository": values,
            "providers": [],
        }
        config.write_text(yaml.safe_dump({**values, "allow_plain_http": True}), "utf-8")
        with run_processes(config, "daemon") as (daemon,):
            wait_until(server.has_held.is_set)
            daemon.terminate()
            code = wait_for_exit(daemon)
            log = (tmp_path / "daemon.log").read_text("utf-8")
        # Not by the limit of a slow transfer, after half a minute of silence.
        assert (code, "git did not run to its end (-9)" in log) == (0, True), log


def list_command_lines():
    completed = subprocess.run(
        ["ps", "-u", str(os.getuid()), "-ww", "-o", "args="], capture_output=True
    )
    return completed.stdout.decode("utf-8", "replace").splitlines()
