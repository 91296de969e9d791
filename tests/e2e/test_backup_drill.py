"""A backup while a daemon writes, restored elsewhere, where the pipeline continues."""

import threading
from pathlib import Path

import pytest

from merlin.db.database import open_database
from merlin.db.tables import list_all_tables
from tests.support.ending import wait_for_end
from tests.support.pipeline_lab import KEY, Lab, provider_entry, run_command
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration
ELSEWHERE = "postgresql://nobody@127.0.0.1:9/nothing"
# Tables of the running processes; all others are compared.
TRANSIENT_TABLES = {"heartbeat", "change_counter"}


def read_tables(url):
    """Return the rows of each table, sorted."""
    with open_database(url, read_only=True) as database:
        tables = {table.__name__ for table in list_all_tables()}
        names = {name for name in tables - TRANSIENT_TABLES if database.has_table(name)}
        return {
            name: sorted(map(str, database.sql(f"SELECT * FROM {name}")))  # noqa: S608
            for name in names
        }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_backup_taken_during_a_run_continues_on_another_machine(
    kind, tmp_path, request, monkeypatch
):
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    addresses = [{"database": server.create()} if server else {} for _ in range(2)]
    monkeypatch.setenv(KEY, "stand-in")
    with ProviderStandIn(key="stand-in") as provider:
        original = Lab.with_dataset(
            tmp_path / "here", provider.base_url, **addresses[0]
        )
        original.until_serving("trial-1")
        before = read_tables(original.config.database)
        is_done = threading.Event()

        def write():
            with open_database(original.config.database) as database:
                while not is_done.is_set():
                    database.transact(database.announce_change)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            code, _, errors = run_command(
                "backup", "--with-key", "--config", str(original.path)
            )
        finally:
            is_done.set()
            wait_for_end(writer)
        assert code == 0, errors
        (archive,) = Path(original.config.state_dir / "backups").iterdir()
        repository_path = str(original.repository.folder)
        restored = Lab(
            tmp_path / "there",
            "",
            repository={"url": repository_path, "interval_s": 0.2},
            providers=[provider_entry(provider.base_url)],
            **addresses[1],
        )
        restored.config.state_dir.joinpath("merlin.db").unlink(missing_ok=True)
        code, _, errors = run_command(
            "restore", str(archive), "--config", str(restored.path)
        )
        assert code == 0, errors
        assert read_tables(restored.config.database) == before
        arguments = ("restore", str(archive), "--config")
        code, _, errors = run_command(*arguments, str(restored.path))
        assert (code, ("isn't empty" if server else "--replace") in errors) == (
            1,
            True,
        ), errors
        other_lab = Lab(
            tmp_path / "other",
            provider.base_url,
            **({} if server else {"database": ELSEWHERE}),
        )
        other_lab.config.state_dir.joinpath("merlin.db").unlink(missing_ok=True)
        code, _, errors = run_command(*arguments, str(other_lab.path))
        assert (code, f"backup is of {kind}" in errors) == (1, True), errors
        code, answer, errors = run_command(
            "ask", "Что такое понятие?", "--config", str(restored.path)
        )
        assert (code, bool(answer)) == (0, True), errors
        original.repository.commit_example("trial", 40)
        restored.until_serving("trial-2")
        assert len(provider.jobs_created()) == 2
    for address in addresses if server else ():
        server.drop(address["database"])
