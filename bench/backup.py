"""Measure a backup of 1 GB while people ask 25 questions per second, and its restore.

Half of the data is rows, half files. The same load is measured with and without the backup.
"""

import os
import shutil
import tempfile
from pathlib import Path

from bench.chat_sides import CREDENTIALS, MerlinBot, run_bot
from bench.chat_world import World
from bench.processes import time_command
from merlin.db.database import open_database
from merlin.db.tables import DATASET_TEXT, list_all_tables

HALF = 500_000_000
ROWS = 50_000
FILES = 50
SECONDS = 30
PER_S = 25


def run() -> None:
    """Print the times of answers, of the backup, and of the restore."""
    with tempfile.TemporaryDirectory() as temporary, World() as world:
        folder = Path(temporary)
        side = MerlinBot(world, folder, streaming="edits")
        _fill(side.state)
        with run_bot(side, world) as pid:
            load = {"pid": pid, "per_s": PER_S, "seconds": SECONDS}
            world.run_load("run_open_loop", **{**load, "seconds": 4})
            alone = world.run_load("run_open_loop", **load)
            measured = world.begin_load("run_open_loop", **load)
            seconds = _time(side.config, "backup")
            beside = measured.result()
        for name in ("p50_ms", "p99_ms", "cpu_ms"):
            print(
                f"{name}: {alone[name]:.1f} alone, {beside[name]:.1f} while a backup runs"
            )
        print(f"backup: {seconds:.1f} s")
        _restore(side, folder)


def _restore(side: MerlinBot, folder: Path) -> None:
    """Back up without load, restore to another folder, and compare the row counts."""
    shutil.rmtree(side.state / "backups")
    seconds = _time(side.config, "backup")
    (archive,) = (side.state / "backups").iterdir()
    target_config = folder / "there.yaml"
    text = side.config.read_text(encoding="utf-8")
    target_config.write_text(
        text.replace(str(side.state), str(folder / "there")), encoding="utf-8"
    )
    back_s = _time(target_config, "restore", str(archive))
    counts = [_counts(state) for state in (side.state, folder / "there")]
    size = archive.stat().st_size / 1e6
    print(
        f"archive of {size:.0f} MB: backup {seconds:.1f} s, restore {back_s:.1f} s;"
        f" rows {'equal' if counts[0] == counts[1] else f'DIFFER: {counts}'}"
    )


def _fill(state: Path) -> None:
    with open_database(f"sqlite://{state}/merlin.db") as database, database.atomic():
        text = HALF // ROWS // 2
        for number in range(ROWS):
            row = {"blob": f"{number:040x}", "text": os.urandom(text).hex()}
            database.put(DATASET_TEXT.insert(row))
    models = state / "engine" / "models"
    models.mkdir(parents=True)
    for number in range(FILES):
        (models / f"{number}.safetensors").write_bytes(os.urandom(HALF // FILES))


def _time(config: Path, *words: str) -> float:
    return time_command(*words, "--config", str(config), **CREDENTIALS)


def _counts(state: Path) -> dict[str, int]:
    counts = {}
    with open_database(f"sqlite://{state}/merlin.db", read_only=True) as database:
        for table in list_all_tables():
            if database.has_table(table.__name__):
                query = f"SELECT COUNT(*) FROM {table.__name__}"  # noqa: S608 - our own names
                ((counts[table.__name__],),) = database.sql(query)
    return counts
