"""Set-up common to all processes: logging and signs of life."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from merlin.config import Config
from merlin.core.i18n import read_texts
from merlin.core.log import set_up_logging
from merlin.core.probe import LIFE_SIGNS


@contextmanager
def observe_process(config: Config, process: str) -> Iterator[None]:
    """Set up logging and signs of life."""
    set_up_logging(process)
    read_texts()
    os.environ["PGAPPNAME"] = f"merlin-{process}"  # in pg_stat_activity
    with LIFE_SIGNS.shown(config.state_dir, process):
        yield
