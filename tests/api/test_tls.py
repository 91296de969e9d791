"""TLS with an own certificate: a real listener, and invalid files."""

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
