"""Reading what was recorded, from the command line or the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.datasets import names
from merlin.app.retention import RemovableFiles
from merlin.config import Config
from merlin.core.clock import utc_now
from merlin.core.errors import ConfigError, NotFound
from merlin.core.heartbeat import Heartbeat
from merlin.db.processes import Heartbeats
from merlin.git.repository import GitSource
from merlin.wiring.context import command_context
from merlin.wiring.database import reading

Shown = dict[str, Any]


def source_of(config: Config) -> GitSource:
    """Return the repository's mirror for reading. Raises ConfigError without a repository."""
    repository = config.repository
    if repository is None:
        raise ConfigError("config.yaml names no repository", "config-no-repository")
    mirror = config.state_dir / "mirror.git"
    return GitSource(repository.url, repository.branch, repository.directory, mirror)


@contextmanager
def reading_context(config: Config, dataset: str = "") -> Iterator[Context]:
    """Yield a context for reading only.

    Raises NotFound before anything was recorded, and for a dataset that was never seen.
    """
    with reading(config) as database:
        ctx = command_context(config, database)
        if dataset:
            _needs_dataset(dataset, names(ctx, Actor.operator()))
        yield ctx


def _needs_dataset(dataset: str, known: Sequence[str]) -> None:
    if dataset not in known:
        told = {"dataset": dataset, "known": ", ".join(known) or "none"}
        raise NotFound(f"no dataset {dataset}", "dataset-unknown", **told)


def surroundings(config: Config) -> Shown:
    """Return what lies on the disk, who is alive, and the providers' names and addresses."""
    with reading(config) as database:
        stored, beats = _stored(config, RemovableFiles(database)), Heartbeats(database).all()
    return {
        "stored": stored,
        "processes": {beat.process: _shown_beat(beat) for beat in beats},
        "providers": {
            each.name: {"base_url": each.base_url, "model": each.model, "dialect": each.dialect}
            for each in config.providers
        },
    }


def _stored(config: Config, rows: RemovableFiles) -> Shown:
    """Return what lies on the disk, and how much of it `retention` lets go at the next look."""
    kept, now = config.retention, utc_now()

    def old(days: int, find: Callable[[datetime], Sequence[object]]) -> int:
        return len(find(now - timedelta(days=days))) if days else 0

    builds = [path for path in (config.state_dir / "builds").glob("*/*") if path.is_dir()]
    gone = rows.builds(now - timedelta(days=kept.builds_days)) if kept.builds_days else []
    there = {path.relative_to(config.state_dir / "builds").as_posix() for path in builds}
    return {
        "builds": {
            "count": len(builds),
            "bytes": sum(map(_size, builds)),
            "to_remove": len(there & {build.folder for build in gone}),
            "days": kept.builds_days,
        },
        "files": {"to_remove": old(kept.files_days, rows.files), "days": kept.files_days},
        "models": {"to_remove": old(kept.models_days, rows.models), "days": kept.models_days},
        "mirror": {"bytes": _size(config.state_dir / "mirror.git"), "days": kept.mirror_days},
    }


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder; what goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _shown_beat(beat: Heartbeat) -> Mapping[str, object]:
    return {
        "alive": beat.is_alive(utc_now()),
        "host": beat.host,
        "pid": beat.pid,
        "since": beat.since,
        "at": beat.at,
        "counters": dict(beat.counters),
    }
