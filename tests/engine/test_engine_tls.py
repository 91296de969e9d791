"""The engine with its own certificate: only clients that trust it are answered."""

import os
import subprocess
import sys

import httpx
import pytest

from merlin.cli.health import health_error
from merlin.config.reading import load
from merlin.core.server import free_ports
from tests.support.certificates import create_certificate, encode_key, generate_key
from tests.support.forked_processes import start, wait_for_exit
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
    """Return the output of `merlin provider` with these trusted certificates."""
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from merlin.cli.doctor_checks import check_provider\n"
        "from merlin.config.reading import load\n"
        "print(check_provider(load(Path(sys.argv[1])).providers[0]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(config)],
        env={**os.environ, "SSL_CERT_FILE": trusted},
        capture_output=True,
        text=True,
    )
    return process.stdout + process.stderr
