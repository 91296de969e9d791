"""The Caddyfile of deploy/ by a real Caddy, before a real api; only its names are the test's.

Its own authority signs the certificate here: nobody outside vouches for `localhost`.
"""

from __future__ import annotations

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
    """The address of an api that believes 127.0.0.1 alone."""
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
    """A browser before Caddy, and where Caddy listens without https."""
    skip_or_fail(None if shutil.which("caddy") else "caddy is not installed")
    plain, secure = free_ports(2)
    text = CADDYFILE.read_text("utf-8").replace("merlin.example.com", f"https://localhost:{secure}")
    own = f"{{\nadmin off\nskip_install_trust\nhttp_port {plain}\nhttps_port {secure}\n}}\n"
    (tmp_path / "Caddyfile").write_text(own + text.replace("api:8701", api), "utf-8")
    words = ("caddy", "run", "--adapter", "caddyfile", "--config", tmp_path / "Caddyfile")
    where = {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    root = tmp_path / "caddy/pki/authorities/local/root.crt"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(words, env=where, stdout=log, stderr=log)
    try:
        wait_until(lambda: "certificate obtained" in (tmp_path / "log").read_text("utf-8"))
        trust = ssl.create_default_context(cafile=str(root))
        here = f"https://localhost:{secure}"
        with httpx.Client(base_url=here, verify=trust, timeout=longest()) as client:
            yield client, f"http://localhost:{plain}"
    finally:
        process.terminate()
        process.wait(longest())


def test_people_come_by_https_alone_and_figures_stay_inside(caddy, api):
    client, plain = caddy
    answer = client.get("/sign-in")
    assert (answer.status_code, "</html>" in answer.text) == (200, True)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    begun = client.post("/api/auth/start", headers={"Origin": str(client.base_url)})
    assert begun.headers["set-cookie"].startswith("__Host-merlin-login=")
    assert "Secure" in begun.headers["set-cookie"]
    moved = httpx.get(f"{plain}/sign-in", timeout=longest())
    assert (moved.status_code, moved.headers["location"][:17]) == (308, "https://localhost")
    # The api shows them to this machine; a caller by Caddy finds nothing.
    for path in ("/metrics", "/readyz"):
        assert httpx.get(f"http://{api}{path}", timeout=longest()).status_code == 200
        assert (client.get(path).status_code, client.get(path).text) == (404, "")
    # A hook is Merlin's to judge: this one proves nothing.
    assert client.post(HOOK, json={"update_id": 1}).json()["status"] == 401


def test_nobody_says_of_themselves_who_they_are(caddy):
    client, _ = caddy
    said = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(6)]
    assert 429 in [client.get("/api/user", headers=each).status_code for each in said]


def test_an_address_that_is_no_proxy_is_not_believed(api):
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=f"http://{api}", transport=elsewhere, timeout=longest()) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        said = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(6)]
        answers = [client.get("/api/user", headers=each) for each in said]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
    assert "strict-transport-security" not in answers[0].headers
