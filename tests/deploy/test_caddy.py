"""The Caddyfile of deploy/ in a real Caddy before a real API; only the host names are changed.

Caddy's local authority signs the certificate for `localhost`.
"""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from merlin.core.server import free_ports
from tests.support.forked_processes import start, wait_for_exit
from tests.support.full_config import TOKEN
from tests.support.machine import skip_or_fail
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional
CADDYFILE = Path(__file__).parents[2] / "deploy/Caddyfile"
HOOK = "/hooks/telegram"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The address of an API that trusts only 127.0.0.1 as a proxy."""
    folder = tmp_path_factory.mktemp("api")
    (port,) = free_ports(1)
    (folder / "config.yaml").write_text(
        "state_dir: state\n"
        f"telegram: {{mode: webhook, webhook_url: 'https://localhost{HOOK}'}}\n"
        f"api: {{listen: '127.0.0.1:{port}', proxies: [127.0.0.1],"
        " limits: {anonymous_per_min: 4}}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
        process = start("api", folder / "config.yaml", folder / "log")
    wait_until(lambda: "api listens" in (folder / "log").read_text("utf-8"))
    yield f"127.0.0.1:{port}"
    process.terminate()
    assert wait_for_exit(process) == 0


@pytest.fixture
def caddy(tmp_path, api):
    """An HTTPS client of Caddy, and Caddy's plain HTTP address."""
    skip_or_fail(None if shutil.which("caddy") else "caddy is not installed")
    plain, secure = free_ports(2)
    text = CADDYFILE.read_text("utf-8").replace(
        "merlin.example.com", f"https://localhost:{secure}"
    )
    global_options = (
        "{\nadmin off\nskip_install_trust\n"
        f"http_port {plain}\nhttps_port {secure}\n}}\n"
    )
    (tmp_path / "Caddyfile").write_text(
        global_options + text.replace("api:8701", api), "utf-8"
    )
    command = (
        "caddy",
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        tmp_path / "Caddyfile",
    )
    environment = {
        "XDG_DATA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    root = tmp_path / "caddy/pki/authorities/local/root.crt"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until(
            lambda: "certificate obtained" in (tmp_path / "log").read_text("utf-8")
        )
        ssl_context = ssl.create_default_context(cafile=str(root))
        base_url = f"https://localhost:{secure}"
        with httpx.Client(
            base_url=base_url, verify=ssl_context, timeout=longest()
        ) as client:
            yield client, f"http://localhost:{plain}"
    finally:
        process.terminate()
        process.wait(longest())


def test_caddy_serves_only_https_and_keeps_metrics_internal(caddy, api):
    client, plain = caddy
    response = client.get("/sign-in")
    assert (response.status_code, "</html>" in response.text) == (200, True)
    assert response.headers["strict-transport-security"] == "max-age=31536000"
    sign_in = client.post("/sign-in/code", headers={"Origin": str(client.base_url)})
    assert sign_in.headers["set-cookie"].startswith("__Host-merlin-login=")
    assert "Secure" in sign_in.headers["set-cookie"]
    redirect = httpx.get(f"{plain}/sign-in", timeout=longest())
    assert (redirect.status_code, redirect.headers["location"][:17]) == (
        308,
        "https://localhost",
    )
    # The API answers these to this machine, but not through Caddy.
    for path in ("/metrics", "/readyz"):
        assert httpx.get(f"http://{api}{path}", timeout=longest()).status_code == 200
        assert (client.get(path).status_code, client.get(path).text) == (404, "")
    # A webhook without the secret is refused by Merlin.
    assert client.post(HOOK, json={"update_id": 1}).json()["status"] == 401


def test_forged_x_forwarded_for_is_ignored(caddy):
    client, _ = caddy
    forged = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(6)]
    assert 429 in [
        client.get("/api/user", headers=headers).status_code for headers in forged
    ]


def test_forwarded_headers_of_an_untrusted_address_are_ignored(api):
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(
        base_url=f"http://{api}", transport=transport, timeout=longest()
    ) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        forged = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(6)]
        responses = [client.get("/api/user", headers=headers) for headers in forged]
    assert [response.status_code for response in responses] == [401] * 4 + [429] * 2
    assert "strict-transport-security" not in responses[0].headers
