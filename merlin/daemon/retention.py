"""Taking away what nobody needs any more: the tick, by `retention` in config.yaml, and by request.

Build folders are a cache of git: one that is needed again is made anew (`gather.restore_build`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from shutil import rmtree

from merlin.app.actor import Actor
from merlin.app.builds import UnneededBuilds, unneeded
from merlin.app.retention import RemovableFiles
from merlin.core.durable_files import remove_durably
from merlin.core.errors import ProviderBusy, ProviderUnknown
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.builds import Build, remove_folders
from merlin.dataset.files import FileIndex, restore_texts
from merlin.dataset.gather import restore_build
from merlin.training.baselines import drop_unasked_answers
from merlin.training.launch import Removable, remove

log = get_logger(__name__)


def apply_retention(services: DaemonServices) -> bool:
    """Take away what is old enough; return whether anything went."""
    kept, now = services.config.retention, services.clock()
    rows = RemovableFiles(services.db, services.clock)
    removed = {"folders": 0, "files": 0, "models": 0}
    if kept.builds_days:
        removed["folders"] = _remove_builds(services, rows, now - timedelta(days=kept.builds_days))
    if kept.files_days:
        old = rows.files(now - timedelta(days=kept.files_days))
        removed["files"] = _remove_each(services, old)
    if kept.models_days:
        before = now - timedelta(days=kept.models_days)
        removed["models"] = _remove_each(
            services, rows.models(before), lambda old: rows.give_up(old, before)
        )
    removed["baseline_answers"] = drop_unasked_answers(services.db)
    with services.build_settings.turn:
        removed["texts"] = rows.drop_texts()
        if kept.mirror_days:
            services.build_settings.source.clean(rows.needed_commits(), kept.mirror_days, now)
    # The texts of files come before the files: in between nobody seems to need them.
    with services.build_settings.files_move:
        index = FileIndex(services.db)
        removed["texts"] += index.drop_texts()
        restore_texts(services.build_settings.source, index)
    if any(removed.values()):
        log.info("what nobody needs was removed", **removed)
    return any(removed.values())


def _remove_builds(services: DaemonServices, rows: RemovableFiles, before: datetime) -> int:
    # A build that is being written has its folder before its row.
    with services.build_settings.turn:
        old = frozenset(build.folder for build in rows.builds(before))
        return remove_folders(services.build_settings.builds, rows.folders() - old, old, before)


def prune_builds(services: DaemonServices, keep: int) -> UnneededBuilds:
    """Remove the folders of builds that nobody needs now, but the `keep` newest of each dataset.

    Returns what went. Raises OSError for a folder that cannot be removed.
    """
    with services.build_settings.turn:
        gone = unneeded(services, Actor.operator(), keep)
        for build in gone.builds:
            rmtree(services.build_settings.builds / build.folder)
    return gone


def restore_folder(services: DaemonServices, build: Build, commit: str) -> None:
    """Make a build's folder anew from its commit, instead of what lies there otherwise.

    Raises DatasetError when the commit gives other bytes; SourceError.
    """
    with services.build_settings.turn:
        remove_durably(services.build_settings.builds / build.folder)
        restore_build(services.build_settings, commit, build)


def _remove_each(
    services: DaemonServices,
    olds: Sequence[Removable],
    may_go: Callable[[Removable], bool] = lambda _: True,
) -> int:
    """Remove one after the other; a provider that cannot answer now is left until the next tick."""
    removed, away = 0, {old.provider for old in olds} - services.providers.keys()
    for old in olds:
        if old.provider in away or not may_go(old):
            continue
        try:
            removed += remove(services.providers[old.provider], old)
        except (ProviderBusy, ProviderUnknown) as trouble:
            log.warning("provider cannot remove now", provider=old.provider, reason=str(trouble))
            away.add(old.provider)
    return removed
