"""The ticks that delete what is no longer needed, by `retention` in config.yaml.

Build folders are a cache of git: one that is needed again is recreated (`gather.restore_build`).
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from merlin.app.retention import RemovableFiles, expire_rows
from merlin.core.errors import ProviderBusy, ProviderUnknown
from merlin.core.log import get_logger
from merlin.daemon.services import DaemonServices
from merlin.dataset.builds import remove_folders
from merlin.dataset.files import FileIndex, restore_texts
from merlin.training.baselines import delete_unused_answers
from merlin.training.launch import Removable, remove

log = get_logger(__name__)

# At most this many batches in a round, so that a daemon that is told to stop does so soon.
MAX_BATCHES = 40
# The pause between two batches of deletions, in which other processes can write.
BATCH_PAUSE_S = 0.05


def expire_in_batches(services: DaemonServices) -> bool:
    """Expire approvals and rows in batches; return whether rows were deleted."""
    total = 0
    for _ in range(MAX_BATCHES):
        count = expire_rows(services.db, services.config.retention, services.clock)
        if not count:
            break
        total += count
        time.sleep(BATCH_PAUSE_S)
    if total:
        log.info("old rows were deleted", count=total)
    return total > 0


def apply_retention(services: DaemonServices) -> bool:
    """Delete expired folders, files, models and texts; return whether anything was deleted."""
    retention, now = services.config.retention, services.clock()
    rows = RemovableFiles(services.db, services.clock)
    removed = {"folders": 0, "files": 0, "models": 0}
    if retention.builds_days:
        before = now - timedelta(days=retention.builds_days)
        # The lock is needed: a build being written has its folder before its row.
        with services.build_settings.gather_lock:
            expired = frozenset(build.folder for build in rows.builds(before))
            kept = rows.folders() - expired
            folders = services.build_settings.builds
            removed["folders"] = remove_folders(folders, kept, expired, before)
    if retention.files_days:
        files = rows.files(now - timedelta(days=retention.files_days))
        removed["files"] = _remove_each(services, files)
    if retention.models_days:
        before = now - timedelta(days=retention.models_days)
        removed["models"] = _remove_each(
            services, rows.models(before), lambda model: rows.mark_gone(model, before)
        )
    removed["baseline_answers"] = delete_unused_answers(services.db)
    with services.build_settings.gather_lock:
        removed["texts"] = rows.delete_unused_texts()
        if retention.mirror_days:
            services.build_settings.source.clean(
                rows.list_needed_commits(), retention.mirror_days, now
            )
    # The file index stores a text before its file row: without the lock it would look unused.
    with services.build_settings.files_lock:
        index = FileIndex(services.db)
        removed["texts"] += index.delete_unused_texts()
        restore_texts(services.build_settings.source, index)
    if any(removed.values()):
        log.info("unused files and models were removed", **removed)
    return any(removed.values())


def _remove_each(
    services: DaemonServices,
    items: Sequence[Removable],
    may_remove: Callable[[Removable], bool] = lambda _: True,
) -> int:
    """Remove files or models one by one; return the number removed.

    Those of a provider that is missing or cannot answer now are left to the next tick.
    """
    removed, unavailable = 0, {item.provider for item in items} - services.providers.keys()
    for item in items:
        if item.provider in unavailable or not may_remove(item):
            continue
        try:
            removed += remove(services.providers[item.provider], item)
        except (ProviderBusy, ProviderUnknown) as error:
            log.warning("provider cannot remove now", provider=item.provider, reason=str(error))
            unavailable.add(item.provider)
    return removed
