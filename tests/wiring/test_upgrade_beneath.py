"""An upgrade replaces the files of the package under running processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

import merlin
from merlin.core.server import free_ports
from tests.support.ending import wait_for_end
from tests.support.forked_processes import is_ready
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration


def test_running_process_shows_the_texts_and_pages_that_it_began_with(tmp_path):
    """Their keys were renamed under its feet: tracebacks, and pages with the code 500."""
    package = tmp_path / "program" / "merlin"
    shutil.copytree(
        Path(merlin.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    address = f"127.0.0.1:{free_ports(1)[0]}"
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump({"state_dir": "state", "api": {"listen": address}})
    )
    log = tmp_path / "log"
    with log.open("wb") as out:
        api = subprocess.Popen(
            [sys.executable, "-m", "merlin", "api", "--config", str(config)],
            env={**os.environ, "PYTHONPATH": str(package.parent)},
            cwd=tmp_path,
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: is_ready(f"http://{address}"), describe=log.read_text)
        for folder in ("locale", "web"):
            shutil.rmtree(package / folder)
        for language in ("en", "ru"):
            headers = {"Accept": "text/html", "Accept-Language": language}
            for path in ("/", "/sign-in", "/nothing"):
                page = httpx.get(
                    f"http://{address}{path}", headers=headers, timeout=longest()
                )
                assert page.status_code in (200, 404), log.read_text()
                assert "<h1" in page.text
    finally:
        api.terminate()
        wait_for_end(api)
