"""The engine with its own certificate: only clients that trust it are answered."""

import httpx
import pytest

from merlin.cli.doctor_checks import check_provider
from merlin.cli.health import health_error
from merlin.config.reading import load
from merlin.core.server import free_ports
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.ending import wait_for_end
from tests.support.forked_processes import (
    set_up_process,
    start,
    start_function,
    wait_for_exit,
)
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional


def test_engine_serves_https_to_clients_that_trust_its_certificate(
    tmp_path, monkeypatch
):
    (port,) = free_ports(1)
    key = generate_key()
    (tmp_path / "cert.pem").write_bytes(create_certificate(key))
    (tmp_path / "key.pem").write_bytes(encode_key(key))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"state_dir: state\nengine: {{listen: '127.0.0.1:{port}',"
        " tls: {certificate: cert.pem, key: key.pem}}\nproviders:\n"
        f"  - {{name: engine, base_url: 'https://127.0.0.1:{port}/v1',"
        " credential: MERLIN_ENGINE_KEY}\n"
    )
    monkeypatch.setenv("MERLIN_ENGINE_KEY", "a-key-of-this-test")
    process = start("engine", config, tmp_path / "log")
    try:
        wait_until(lambda: "engine listens" in (tmp_path / "log").read_text("utf-8"))
        wait_until(lambda: health_error(load(config), "engine") is None)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=longest())
        # The trusted certificates are read once per process.
        assert "CERTIFICATE_VERIFY_FAILED" in _test_provider(config, "")
        assert "'count': 1" in _test_provider(config, str(tmp_path / "cert.pem"))
    finally:
        process.terminate()
        code = wait_for_exit(process)
    assert code == 0


def _test_provider(config, trusted):
    """Return what the check of the provider says in a process with these trusted certificates."""
    log = config.with_name(f"provider-{bool(trusted)}.log")
    environment = {"SSL_CERT_FILE": trusted}
    wait_for_end(start_function(_print_check, config, log, environment))
    return log.read_text("utf-8")


def _print_check(config, environment, log):
    set_up_process(environment, log)
    print(check_provider(load(config).providers[0]))  # noqa: T201
