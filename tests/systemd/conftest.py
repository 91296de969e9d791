"""One installed machine for all tests that boot one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from installed import Installed, why_not
from machine import ROOT, in_memory, made, wheels


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    made(why_not())
    packages = wheels(request.config.cache.mkdir("merlin-packages"))
    built = tmp_path_factory.mktemp("built")
    build = (ROOT / "deploy/release/build.sh", "deb", built)
    subprocess.run(build, env={**os.environ, "PYTHON": sys.executable}, check=True)
    with in_memory(tmp_path_factory.mktemp("upper")) as upper:
        machine = Installed(upper, packages, built)
        try:
            machine.install_package()
            machine.prepare()
            machine.box.systemctl("enable", "--now", "telegram", "merlin.target")
            machine.waits_until_all_serve()
            yield machine
        finally:
            machine.shut_down()
