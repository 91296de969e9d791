"""A lost database: nothing begins on an empty one, and no build is trained twice."""

import shutil

import pytest
import yaml

from merlin.core.errors import Refused
from merlin.db.database import open_database
from merlin.wiring.context import open_read_only
from tests.support import forked_processes
from tests.support.migrated_databases import drop_database
from tests.support.pipeline_lab import run_command

pytestmark = pytest.mark.integration


def delete_state(lab, *names):
    """Delete the database, and the named parts of the state folder."""
    drop_database(lab.config.database)
    for name in names:
        shutil.rmtree(lab.config.state_dir / name)


def test_state_begun_anew_finds_its_model_at_the_provider(lab, provider):
    live = lab.until_serving("trial-1")["serving"]["model"]
    delete_state(lab, "builds")
    assert lab.until_serving("trial-1")["serving"]["model"] == live
    assert len(provider.jobs_created()) == 1
    assert len(provider.files()) == 2


@pytest.mark.parametrize(
    "arguments", [("daemon",), ("bot",), ("api",), ("users", "add", "boris")]
)
def test_nothing_begins_on_an_empty_database_where_there_are_builds(lab, arguments):
    settings = yaml.safe_load(lab.path.read_text())
    lab.path.write_text(yaml.safe_dump({**settings, "telegram": {}, "api": {}}))
    lab.tick("fetch")
    delete_state(lab)
    command = [*arguments, "--config", str(lab.path)]
    log = lab.folder / "output.log"
    environment = {"TELEGRAM_BOT_TOKEN": "1:token"}
    process = forked_processes.start_function(
        forked_processes.run_command, command, log, environment
    )
    assert forked_processes.wait_for_exit(process) == 2
    assert "merlin restore ARCHIVE" in log.read_text()
    with (
        pytest.raises(Refused, match="builds without a database"),
        open_read_only(lab.config),
    ):
        """Still lost: no schema was made."""


def test_empty_database_is_not_backed_up_in_place_of_good_archives(lab):
    delete_state(lab)
    with open_database(lab.config.database):
        """A file without tables."""
    code, _, err = run_command(
        "backup", str(lab.folder / "backups"), "--config", str(lab.path)
    )
    assert (code, list((lab.folder / "backups").iterdir())) == (2, [])
    assert "merlin restore" in err
