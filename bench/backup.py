"""Measure a backup of 1 GB while people ask 25 questions per second, and its restore.

Half of the data is rows, half files. The same load is measured with and without the backup.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.chat_sides import CREDENTIALS, MerlinBot
from bench.chat_world import World
from merlin.db.database import open_database
from merlin.db.tables import DATASET_TEXT, list_all_tables

HALF = 500_000_000
ROWS = 50_000
FILES = 50
SECONDS = 30
PER_S = 25


def run() -> None:
    """Print the times of answers, the backup's time and memory, and the restore's time."""
    with tempfile.TemporaryDirectory() as temporary, World() as world:
        folder = Path(temporary)
        side = MerlinBot(world, folder, streams=True)
        _fill(side.state)
        process = side.start()
        world.run_load("wait_for_poll")
        load = {"pid": process.pid, "per_s": PER_S, "seconds": SECONDS}
        world.run_load("run_open_loop", **{**load, "seconds": 4})
        alone = world.run_load("run_open_loop", **load)
        measured = world.begin_load("run_open_loop", **load)
        seconds, memory = _run_command(side.config, "backup")
        beside = measured.result()
        process.kill()
        process.wait()
        for name in ("p50_ms", "p99_ms", "cpu_ms"):
            print(
                f"{name}: {alone[name]:.1f} alone, {beside[name]:.1f} while a backup runs"
            )
        print(f"backup: {seconds:.1f} s, peak {memory / 1e6:.0f} MB")
        _restore(side, folder)


def _restore(side: MerlinBot, folder: Path) -> None:
    """Back up without load, restore to another folder, and compare the row counts."""
    shutil.rmtree(side.state / "backups")
    seconds, memory = _run_command(side.config, "backup")
    (archive,) = (side.state / "backups").iterdir()
    target_config = folder / "there.yaml"
    text = side.config.read_text(encoding="utf-8")
    target_config.write_text(
        text.replace(str(side.state), str(folder / "there")), encoding="utf-8"
    )
    back_s, back_memory = _run_command(target_config, "restore", str(archive))
    counts = [_counts(state) for state in (side.state, folder / "there")]
    size = archive.stat().st_size / 1e6
    print(
        f"archive of {size:.0f} MB: backup {seconds:.1f} s, peak {memory / 1e6:.0f} MB;"
        f" restore {back_s:.1f} s, peak {back_memory / 1e6:.0f} MB;"
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


def _run_command(config: Path, *words: str) -> tuple[float, int]:
    """Run a Merlin command; return its seconds and its peak memory in bytes."""
    started_at = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "merlin", *words, "--config", str(config)],
        env={**os.environ, **CREDENTIALS},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(
            f"merlin {json.dumps(words)} ended with {process.returncode}"
        )
    return time.monotonic() - started_at, usage.ru_maxrss * 1024


def _counts(state: Path) -> dict[str, int]:
    counts = {}
    with open_database(f"sqlite://{state}/merlin.db", read_only=True) as database:
        for table in list_all_tables():
            if database.has_table(table.__name__):
                query = f"SELECT COUNT(*) FROM {table.__name__}"  # noqa: S608 - our own names
                ((counts[table.__name__],),) = database.sql(query)
    return counts
