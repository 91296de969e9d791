"""Merlin's API without its response cache: `python -m bench.api_uncached STATE PORT`."""

import sys
from pathlib import Path
from typing import cast

import uvloop
from fastapi import FastAPI

from merlin.api.app import server_config
from merlin.api.response_cache import CatalogueCache
from merlin.config import Config
from merlin.config.settings import ApiConfig, ApiLimits
from merlin.core.connections import Connections, Server
from merlin.core.log import set_up_logging
from merlin.core.server import listen
from merlin.db.database import open_database
from merlin.db.writer import Store
from merlin.wiring.api import services_of


def main(state: Path, port: int) -> None:
    """Serve until killed."""
    set_up_logging("api")
    where = ApiConfig(
        listen=f"127.0.0.1:{port}", limits=ApiLimits(anonymous_per_min=0, person_per_min=0)
    )
    url = f"sqlite://{state}/merlin.db"
    with open_database(url) as database:
        settings = Config(database=url, state_dir=state, api=where)
        config = server_config(services_of(settings, Store(database)), where)
        cast("FastAPI", config.app).state.catalogue = CatalogueCache(most_bytes=0)
        server = Server(config, lambda: None, Connections())
        with listen("bench", *where.address) as listener:
            uvloop.run(server.serve([listener]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
