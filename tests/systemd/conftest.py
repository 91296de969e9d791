"""One installed machine for all tests that boot one."""

from __future__ import annotations

import shutil

import pytest
from box import why_not
from installed import PROCESSES, Installed
from machine import needed, wheels


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    needed(why_not())
    packages = wheels(request.config.cache.mkdir("merlin-packages"))
    upper = tmp_path_factory.mktemp("upper")
    machine = Installed(upper, packages)
    try:
        machine.install()
        machine.prepare()
        machine.box.systemctl("enable", "--now", "telegram", "merlin.target")
        for process in PROCESSES:
            machine.box.wait(lambda name=process: machine.is_serving(name), f"{process} serves")
        yield machine
    finally:
        machine.shut_down()
        shutil.rmtree(upper)
