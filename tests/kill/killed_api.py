"""An API in a process of its own, which a kill point ends while it is called."""

from contextlib import contextmanager, suppress

import httpx
import yaml

from merlin.config.reading import load
from merlin.core.server import free_ports
from tests.support.forked_processes import is_ready, run_processes, wait_for_exit
from tests.support.waiting import wait_until


class KilledApi:
    """The API of a folder with these settings; `credentials` are in its environment."""

    def __init__(self, folder, credentials, **settings):
        (port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        api = {"listen": f"127.0.0.1:{port}", "public_url": self.address}
        self.path = folder / "config.yaml"
        config = {"state_dir": "state", "api": api, **settings}
        self.path.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.config = load(self.path)
        self._credentials = credentials
        self._log = folder / "api.log"

    @contextmanager
    def run(self, point=""):
        """Run the API until the end of the block; it may have been killed by then."""
        environment = {**self._credentials, "MERLIN_CRASH_AT": point}
        with run_processes(self.path, "api", **environment) as (process,):
            wait_until(
                lambda: is_ready(self.address) or not process.is_alive(),
                describe=self._log.read_text,
            )
            yield process

    def kill_during(self, point, act):
        """Perform `act` while the API is killed at a kill point."""
        with self.run(point) as process:
            with suppress(httpx.TransportError):
                act()
            assert wait_for_exit(process) == 137, self._log.read_text()[-3000:]
