"""No tick reads a table that grows as a whole, whatever the history."""

import pytest

from merlin.daemon.main import TickCounts
from merlin.daemon.ticks import ticks_of
from merlin.training.promote import Promotions
from tests.support.long_history import add_history
from tests.support.migrated_databases import only_sqlite
from tests.support.pipeline_lab import TRAINING
from tests.support.recorded_queries import GROWING, TRAININGS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, only_sqlite]

# What they reach is behind the network, or the machine.
OUTSIDE = {"engine", "ping"}
# Once an hour, or a minute, they look at every training, or at every vector of a search.
WHOLE = {"retain", "census", "forget"}


def test_no_tick_scans_a_table_that_grows(recorded, lab):
    lab.until_serving("trial-1")
    lab.repository.commit_example("trial", 50)
    with lab.services() as services:
        add_history(services.db)
        recorded.forget()
        ticks = {tick.name: tick for tick in ticks_of(services, TickCounts())}

        def train():
            for name in TRAINING:
                ticks[name].run()
            serving = Promotions(services.db).list_serving()
            return serving["trial"].model.build_version == "trial-2"

        wait_until(train)
        for name in ticks.keys() - OUTSIDE - WHOLE:
            ticks[name].run()
        assert len(set(recorded.statements)) > 40
        assert recorded.find_scans() == {}
        assert recorded.find_long() == {}
        ticks["census"].run()
        ticks["retain"].run()
        assert recorded.find_scans(GROWING - TRAININGS) == {}
