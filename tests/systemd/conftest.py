"""One installed machine for all tests that boot one."""

from __future__ import annotations

import pytest
from installed import serving_machine, why_not
from machine import download_wheels, require_whole_machine


@pytest.fixture(scope="session")
def machine(request, tmp_path_factory):
    require_whole_machine(why_not())
    packages = download_wheels(request.config.cache.mkdir("merlin-packages"))
    with serving_machine(tmp_path_factory.mktemp("machine"), packages) as machine:
        yield machine
