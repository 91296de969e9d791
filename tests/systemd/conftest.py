"""One installed machine for all tests that boot one."""

from __future__ import annotations

import pytest

from tests.support.machine import download_wheels, require_whole_machine
from tests.systemd.installed import serving_machine, why_not


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    require_whole_machine(why_not())
    packages = download_wheels(request.config.cache.mkdir("merlin-packages"))
    with serving_machine(tmp_path_factory.mktemp("machine"), packages) as machine:
        yield machine
