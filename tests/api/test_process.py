"""`merlin api` as a process: readiness, a clean end, and TLS with an own certificate."""

import os
import signal
import socket
import ssl

import httpx
import pytest

from merlin.cli.health import health_error
from merlin.config.reading import load
from merlin.core.connections import tls_context
from merlin.core.errors import ConfigError
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.forked_processes import start, wait_for_exit
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def begin(tmp_path):
    """Return a function that starts an API on a port; its output is in `log`."""

    def api(port):
        config = tmp_path / "config.yaml"
        config.write_text(
            f'state_dir: .\napi: {{listen: "127.0.0.1:{port}"}}\n', "utf-8"
        )
        return start("api", config, tmp_path / "log")

    return api


def is_ready(port):
    try:
        return httpx.get(
            f"http://127.0.0.1:{port}/healthz", timeout=longest()
        ).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_process_is_ready_once_its_port_answers_and_exits_cleanly(
    begin, free_port, tmp_path, ending
):
    process = begin(free_port)
    wait_until(lambda: is_ready(free_port))
    os.kill(process.pid, ending)
    assert wait_for_exit(process) == 0
    text = (tmp_path / "log").read_text("utf-8")
    assert "api stopped" in text
    assert "Traceback" not in text


def test_occupied_port_is_named_in_the_error(begin, taken_port, tmp_path):
    assert wait_for_exit(begin(taken_port)) not in (0, None)
    text = (tmp_path / "log").read_text("utf-8")
    assert f"127.0.0.1:{taken_port}" in text
    assert "Traceback" not in text


@pytest.fixture
def files(tmp_path):
    key = generate_key()
    (tmp_path / "cert.pem").write_bytes(create_certificate(key))
    (tmp_path / "key.pem").write_bytes(encode_key(key))
    return tmp_path


@pytest.fixture
def port(files, free_port):
    (files / "config.yaml").write_text(
        f"state_dir: state\napi: {{listen: '127.0.0.1:{free_port}',"
        " tls: {certificate: cert.pem, key: key.pem}}\n"
    )
    process = start("api", files / "config.yaml", files / "log")
    wait_until(lambda: "api listens" in (files / "log").read_text("utf-8"))
    yield free_port
    process.terminate()
    assert wait_for_exit(process) == 0


def test_api_serves_https_with_its_own_certificate(files, port):
    trust = ssl.create_default_context(cafile=str(files / "cert.pem"))
    with httpx.Client(
        base_url=f"https://127.0.0.1:{port}", verify=trust, timeout=longest()
    ) as client:
        answer = client.get("/healthz")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
    with pytest.raises(httpx.HTTPError), httpx.Client(timeout=longest()) as client:
        client.get(f"http://127.0.0.1:{port}/healthz")
    assert health_error(load(files / "config.yaml"), "api") is None
    assert negotiate_version(files, port, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert negotiate_version(files, port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"


def negotiate_version(files, port, newest):
    trust = ssl.create_default_context(cafile=str(files / "cert.pem"))
    trust.maximum_version = newest
    with (
        socket.create_connection(("127.0.0.1", port), timeout=longest()) as connection,
        trust.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped,
    ):
        return wrapped.version()


def test_minimum_tls_version_is_1_2(files):
    context = tls_context(files / "cert.pem", files / "key.pem", "api.tls")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def read_error(certificate, key):
    with pytest.raises(ConfigError) as caught:
        tls_context(certificate, key, "api.tls")
    return caught.value


def test_missing_foreign_or_encrypted_file_is_reported_with_its_reason(files):
    (files / "other.pem").write_bytes(encode_key(generate_key()))
    (files / "shut.pem").write_bytes(encode_key(generate_key(), b"secret"))
    for name, reason in (
        ("none.pem", "No such file or directory"),
        ("other.pem", "KEY_VALUES_MISMATCH"),
        ("shut.pem", ""),
    ):
        error = read_error(files / "cert.pem", files / name)
        assert (error.key, error.arguments["setting"]) == ("tls-unusable", "api.tls")
        assert reason in error.arguments["reason"]
