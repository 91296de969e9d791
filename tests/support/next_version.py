"""The next version of Merlin: this one with a later migration, run from a folder of its own."""

import os
import sys
from pathlib import Path
from subprocess import run

import merlin

STEP = "m999_later"


def make_next_version(folder):
    """Return the folder to run it in; all but the migrations are links."""
    package, place = Path(merlin.__file__).parent, folder / "next/merlin"
    for ours, theirs in ((package, place), (package / "db", place / "db")):
        theirs.mkdir(parents=True)
        for path in ours.iterdir():
            if path.name not in ("db", "migrations", "__pycache__"):
                (theirs / path.name).symlink_to(path)
    migrations = place / "db/migrations"
    migrations.mkdir()
    for path in (package / "db/migrations").glob("*.*"):
        (migrations / path.name).symlink_to(path)
    (migrations / f"{STEP}.sql").write_text("CREATE TABLE later (id BIGINT PRIMARY KEY);\n")
    return place.parent


def run_next_version(place, *arguments, **environment):
    """Run Python with the next version, `-m merlin` for a command; return the result."""
    command = [sys.executable, *map(str, arguments)]
    return run(
        command, cwd=place, env={**os.environ, **environment}, capture_output=True, text=True
    )
