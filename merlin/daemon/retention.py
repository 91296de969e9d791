"""The tick that takes away what nobody needs any more, by `retention` in config.yaml.

Build folders are a cache of git: one that is needed again is made anew (`gather.restore_build`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from merlin.app.retention import RemovableFiles
from merlin.core.errors import ProviderBusy, ProviderUnknown
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.builds import remove_folders
from merlin.training.launch import OldFiles, OldModel, remove_files, remove_model

log = get_logger(__name__)
Old = TypeVar("Old", OldFiles, OldModel)


def apply_retention(services: DaemonServices) -> bool:
    """Take away what is old enough; return whether anything went."""
    kept, now = services.config.retention, services.clock()
    removed = {
        "folders": _remove_builds(services) if kept.builds_days else 0,
        "files": _remove_files(services) if kept.files_days else 0,
        "models": _remove_models(services) if kept.models_days else 0,
    }
    with services.build_settings.turn:
        removed["texts"] = RemovableFiles(services.db, services.clock).drop_texts()
        if kept.mirror_days:
            needed = RemovableFiles(services.db, services.clock).needed_commits()
            services.build_settings.source.clean(needed, kept.mirror_days, now)
    if any(removed.values()):
        log.info("what nobody needs was removed", **removed)
    return any(removed.values())


def _remove_builds(services: DaemonServices) -> int:
    before = services.clock() - timedelta(days=services.config.retention.builds_days)
    # A build that is being written has its folder before its row.
    with services.build_settings.turn:
        old = frozenset(
            build.folder for build in RemovableFiles(services.db, services.clock).builds(before)
        )
        known = RemovableFiles(services.db, services.clock).folders() - old
        return remove_folders(services.build_settings.builds, known, old, before)


def _remove_files(services: DaemonServices) -> int:
    before = services.clock() - timedelta(days=services.config.retention.files_days)

    def remove(old: OldFiles) -> bool:
        launcher = services.launchers[old.provider]
        return remove_files(launcher.files, launcher.intents, old, services.clock)

    return _each(services, RemovableFiles(services.db, services.clock).files(before), remove)


def _remove_models(services: DaemonServices) -> int:
    before = services.clock() - timedelta(days=services.config.retention.models_days)

    def remove(old: OldModel) -> bool:
        if not RemovableFiles(services.db, services.clock).give_up(old, before):
            return False
        models, launcher = services.models[old.provider], services.launchers[old.provider]
        return remove_model(models, launcher.intents, old, services.clock)

    return _each(services, RemovableFiles(services.db, services.clock).models(before), remove)


def _each(services: DaemonServices, olds: Sequence[Old], remove: Callable[[Old], bool]) -> int:
    """Remove one after the other; a provider that cannot answer now is left until the next tick."""
    removed, away = 0, {old.provider for old in olds} - services.launchers.keys()
    for old in olds:
        if old.provider in away:
            continue
        try:
            removed += remove(old)
        except (ProviderBusy, ProviderUnknown) as trouble:
            log.warning("provider cannot remove now", provider=old.provider, reason=str(trouble))
            away.add(old.provider)
    return removed
