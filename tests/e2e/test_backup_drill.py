"""The drill: a backup under a working daemon, restored elsewhere, where everything goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from merlin.db.database import open_database
from merlin.db.tables import all_tables
from merlin.sandbox.provider.app import ProviderStandIn
from tests.support.pipeline_lab import KEY, Lab, provider_entry, run_command

pytestmark = pytest.mark.integration
ELSEWHERE = "postgresql://nobody@127.0.0.1:9/nothing"
# Rows that say who lives now; the rest says what has happened.
OF_THE_MOMENT = {"heartbeat", "wake"}


def contents(url):
    """Return the rows of every table, in no order."""
    with open_database(url, read_only=True) as database:
        every = {table.__name__ for table in all_tables()}
        names = {name for name in every - OF_THE_MOMENT if database.has_table(name)}
        return {name: sorted(map(str, database.sql(f"SELECT * FROM {name}"))) for name in names}  # noqa: S608


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_backed_up_at_work_goes_on_elsewhere(kind, tmp_path, request, monkeypatch):
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    addresses = [{"database": server.create()} if server else {} for _ in range(2)]
    monkeypatch.setenv(KEY, "stand-in")
    with ProviderStandIn(key="stand-in") as provider:
        here = Lab(tmp_path / "here", provider.base_url, **addresses[0])
        here.repository.dataset()
        here.repository.commit()
        here.until_serving("trial-1")
        before, is_done = contents(here.config.database), threading.Event()

        def write():
            with open_database(here.config.database) as database:
                while not is_done.is_set():
                    database.transact(database.bump)

        writing = threading.Thread(target=write)
        writing.start()
        try:
            code, _, said = run_command("backup", "--with-key", "--config", str(here.path))
        finally:
            is_done.set()
            writing.join()
        assert code == 0, said
        (archive,) = Path(here.config.state_dir / "backups").iterdir()
        place = str(here.repository.folder)
        there = Lab(
            tmp_path / "there",
            "",
            repository={"url": place, "interval_s": 0.2},
            providers=[provider_entry("openai", provider.base_url)],
            **addresses[1],
        )
        there.config.state_dir.joinpath("merlin.db").unlink(missing_ok=True)
        code, _, said = run_command("restore", str(archive), "--config", str(there.path))
        assert code == 0, said
        assert contents(there.config.database) == before
        refused = ("restore", str(archive), "--config")
        code, _, said = run_command(*refused, str(there.path))
        assert (code, ("isn't empty" if server else "--replace") in said) == (1, True), said
        other = Lab(tmp_path / "other", "", **({} if server else {"database": ELSEWHERE}))
        other.config.state_dir.joinpath("merlin.db").unlink(missing_ok=True)
        code, _, said = run_command(*refused, str(other.path))
        assert (code, f"backup is of {kind}" in said) == (1, True), said
        code, answer, said = run_command("ask", "Что такое понятие?", "--config", str(there.path))
        assert (code, bool(answer)) == (0, True), said
        here.repository.example("trial", 40)
        here.repository.commit()
        there.until_serving("trial-2")
        assert len(provider.jobs_created()) == 2
    for address in addresses if server else ():
        server.drop(address["database"])
