"""One machine with an installation, for all tests that boot one."""

import pytest

from tests.support.machine import download_wheels, require_whole_machine
from tests.systemd.installed import find_obstacle, run_machine


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    require_whole_machine(find_obstacle())
    packages = download_wheels()
    with run_machine(tmp_path_factory.mktemp("machine"), packages) as machine:
        yield machine
