"""Retention: delete expired rows in small batches, and find unused files and models.

Rows are looked for without the write lock, then deleted by their keys: a process that is killed in
between has deleted a part, and the next hour goes on.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial, reduce
from operator import and_, or_
from typing import Any

from peewee import Select, Tuple, ValuesList, fn

from merlin.app.bot_settings import Settings, is_of_other_bot
from merlin.chat.turns import UpdateState
from merlin.config.settings import Retention
from merlin.core.clock import iso
from merlin.core.log import get_logger
from merlin.dataset.builds import BUILDS, Build
from merlin.dataset.proposals import ProposalState
from merlin.dataset.spec import ADAPTER
from merlin.dataset.verdicts import WAITING, VerdictStatus
from merlin.db import tables as t
from merlin.db.database import CHUNK, Database, Repository, in_portions, transaction
from merlin.db.intents import IntentState
from merlin.db.requests import RequestState
from merlin.db.tables import Table
from merlin.db.values import load_json
from merlin.training.arrived import name_weights
from merlin.training.jobs import JOBS, UNFINISHED, file_name
from merlin.training.launch import SPLITS, Removable
from merlin.training.models import Models, ModelState, model_of, select_models

log = get_logger(__name__)
BATCH_SIZE = 500
# Quotas count uses by month; two months are safe in every time zone.
USES_DAYS = 62
# Questions of people who deleted their data count until the month ends.
LEFT_DAYS = 31
# Updates, requests and dialogs after their end; messages that were sent, and notices.
MESSAGE_DAYS = 30
# Objects of a rewritten history in the mirror of the repository.
MIRROR_DAYS = 14
# Folders of builds that were never live, with their files at providers: git can build them again.
BUILD_DAYS = 30
# Settings of groups that the bot has left, and questions waiting behind a link.
GONE_DAYS = 30
COST_DAYS = 2
# What questions meant, where no editor decides: three people rarely word a question alike.
WORDING_DAYS = 180
EMPTY_DAYS = 1
_NO_ARGUMENTS = "{}"


# At most this many batches in a row, so that a process that is told to stop does so soon.
MAX_BATCHES = 100
# The pause between two batches, in which other processes can write.
BATCH_PAUSE_S = 0.05
# How many texts a sweep looks at; the next one continues behind them.
SWEEP = 20_000


def delete_in_batches(db: Database, retention: Retention, now: datetime) -> int:
    """Delete expired rows in batches; return the number deleted. Not within a transaction."""
    total = 0
    for _ in range(MAX_BATCHES):
        count = delete_old_rows(db, retention, now)
        if not count:
            break
        total += count
        time.sleep(BATCH_PAUSE_S)
    if total:
        log.info("old rows were deleted", count=total)
    return total


def delete_old_rows(
    db: Database, retention: Retention, now: datetime, batch_size: int = BATCH_SIZE
) -> int:
    """Delete at most `batch_size` expired rows of each table; return the number deleted."""
    deleted = sum(
        _delete(db, table, condition, batch_size)
        for table, condition in _expired_rows(retention, now)
    )
    return deleted + _clear_notices(db, now, batch_size)


def _find(db: Database, table: Table, condition: Any, batch_size: int) -> Any:
    """Return the condition of at most `batch_size` rows, None for none; takes no write lock.

    It contains the given one: a row may be used again before it is deleted.
    """
    keys = [getattr(table, name) for name in table.row_key]
    found = db.rows(table.select(*keys).where(condition).limit(batch_size))
    return Tuple(*keys).in_(ValuesList(found)) & condition if found else None


def _delete(db: Database, table: Table, condition: Any, batch_size: int) -> int:
    found = _find(db, table, condition, batch_size)
    return 0 if found is None else db.transact(partial(db.delete, table, found))


def _expired_rows(retention: Retention, now: datetime) -> Iterator[tuple[Table, Any]]:
    """Yield each table with the condition of its expired rows."""
    # Deleted sessions, and those that were left without a question. An answer may be under way.
    empty = (t.SESSION.last_used_at == "") & (
        t.SESSION.created_at < _before(now, EMPTY_DAYS)
    )
    remaining = t.TURN.select(t.TURN.id).where(t.TURN.session_id == t.SESSION.id)
    yield t.SESSION, empty & (t.SESSION.is_open == 0) & ~fn.EXISTS(remaining)
    before = _before(now, MESSAGE_DAYS)
    yield from _finished_rows(before)
    yield t.WORDING, t.WORDING.at < _before(now, WORDING_DAYS)
    yield t.OUTGOING, t.OUTGOING.settled_at < before
    yield (
        t.OUTGOING,
        is_of_other_bot(t.OUTGOING.bot_id) & (t.OUTGOING.created_at < before),
    )
    # Also without a bot that sends them: they are no news any more. The row of a one-time
    # notice is kept: it prevents sending the notice again.
    yield t.NOTICE, t.NOTICE.once.is_null() & (t.NOTICE.created_at < before)
    if before := _before(now, retention.turns_days):
        # A turn whose update waits may be resumed.
        is_same = (t.TELEGRAM_UPDATE.bot_id == t.TURN.bot_id) & (
            t.TELEGRAM_UPDATE.update_id == t.TURN.update_id
        )
        waiting = t.TELEGRAM_UPDATE.select().where(
            is_same & (t.TELEGRAM_UPDATE.state == UpdateState.WAITING.value)
        )
        yield t.TURN, ~fn.EXISTS(waiting) & (t.TURN.asked_at < before)
        unused = (t.SESSION.last_used_at != "") & (t.SESSION.last_used_at < before)
        with_turns = t.TURN.select(t.TURN.session_id)
        yield (
            t.SESSION,
            unused & (t.SESSION.is_open == 0) & t.SESSION.id.not_in(with_turns),
        )
    if before := _before(now, retention.audit_days):
        yield t.AUDIT, t.AUDIT.at < before
    uses = t.QUOTA_USE.pack_id.is_null() & (t.QUOTA_USE.at < _before(now, USES_DAYS))
    yield (
        t.QUOTA_USE,
        uses | (t.QUOTA_USE.user_id < 0) & (t.QUOTA_USE.at < _before(now, LEFT_DAYS)),
    )
    yield t.GROUP_CHAT, t.GROUP_CHAT.gone_at < _before(now, GONE_DAYS)
    # Days end at other times in other time zones.
    yield t.ANSWER_COST, t.ANSWER_COST.day < _before(now, COST_DAYS)[:10]


def _before(now: datetime, days: int) -> str:
    """Return the time `days` ago as ISO text, "" for 0."""
    return iso(now - timedelta(days=days)) if days else ""


def _clear_notices(db: Database, now: datetime, batch_size: int) -> int:
    """Clear the arguments and recipients of old one-time notices."""
    before = _before(now, MESSAGE_DAYS)
    old = (t.NOTICE.created_at < before) & (t.NOTICE.to_whom != "")
    found = _find(db, t.NOTICE, old, batch_size)
    values = {"arguments": _NO_ARGUMENTS, "to_whom": "", "handed_over_at": iso(now)}
    update = t.NOTICE.update(values).where(found)
    return 0 if found is None else db.transact(partial(db.change, update))


class RemovableFiles(Repository):
    """Finds builds, provider files, models and texts that the pipeline no longer needs."""

    def builds(self, before: datetime) -> list[Build]:
        """Return unneeded builds that were created, and last launched, before this time."""
        old = (t.BUILD.created_at < iso(before)) & _is_unneeded(t.BUILD.id, before)
        return BUILDS.read_all(self.db, t.BUILD.select().where(old))

    def folders(self) -> frozenset[str]:
        """Return the folder names of all builds, including those being written."""
        return frozenset(
            row.folder for row in self.db.rows(t.BUILD.select(t.BUILD.folder))
        )

    def files(self, before: datetime) -> list[Removable]:
        """Return provider files of unneeded builds that are not removed yet."""
        builds = {build.build_id: build for build in self.builds(before)}
        newest = t.JOB.select(
            t.JOB.provider, t.JOB.build_id, fn.MAX(t.JOB.id).alias("newest")
        )
        removable = []
        settled = self._settled_removals()
        for row in self.db.rows(newest.group_by(t.JOB.provider, t.JOB.build_id)):
            # A later job of the build has another key.
            key = f"remove-files:{row.provider}:{row.newest}"
            if row.build_id in builds and key not in settled:
                names = [file_name(builds[row.build_id], split) for split in SPLITS]
                names += self._list_weights(row.provider, row.build_id)
                removable.append(Removable(row.provider, key, tuple(names)))
        return removable

    def _list_weights(self, provider: str, build_id: int) -> list[str]:
        """Return the files of adapters that were added to a build."""
        of_build = (t.JOB.provider == provider) & (t.JOB.build_id == build_id)
        jobs = JOBS.read_all(self.db, t.JOB.select().where(of_build))
        return [name_weights(job) for job in jobs if job.recipe.method == ADAPTER]

    def models(self, before: datetime) -> list[Removable]:
        """Return models of unneeded builds that never served and are not removed yet."""
        removable = []
        settled = self._settled_removals()
        models = t.MODEL.select(*t.MODEL.every(), t.JOB.checkpoints).order_by(
            t.MODEL.id
        )
        models = models.join(t.JOB, on=(t.JOB.id == t.MODEL.job_id)).where(
            _is_old_model(before)
        )
        for row in self.db.rows(models):
            if (key := f"remove-model:{row.id}") in settled:
                continue
            saved = load_json(row.checkpoints)
            names = (*(each["model_id"] for each in saved), row.model_id)
            removable.append(Removable(row.provider, key, names, row.id))
        return removable

    def _settled_removals(self) -> set[str]:
        ended = t.INTENT.state.in_([IntentState.DONE.value, IntentState.FAILED.value])
        # `startswith` would use no index; "." follows "-".
        removals = t.INTENT.key.between("remove-", "remove.")
        return {
            row.key for row in self.db.rows(t.INTENT.select().where(ended & removals))
        }

    @transaction
    def mark_gone(self, model: Removable, before: datetime) -> bool:
        """Mark a model as gone, so that it cannot be promoted; False if it is needed after all.

        A model that its provider lists again later becomes usable again.
        """
        query = select_models().where(
            (t.MODEL.id == model.model_row) & _is_old_model(before)
        )
        row = self.db.row(self.db.for_update(query))
        if row is None:
            return False
        Models(self.db, self._clock).settle(model_of(row), ModelState.GONE, None, "")
        return True

    def list_needed_commits(self) -> list[str]:
        """Return commits outside the mainline that a needed build can be recreated from."""
        off_line = t.VERDICT.position.is_null() & t.VERDICT.build_id.is_null(
            is_null=False
        )
        needed = reduce(
            or_,
            (
                t.VERDICT.build_id.in_(needed_build)
                for needed_build in _list_needed_builds()
            ),
        )
        query = (
            t.VERDICT.select(t.VERDICT.commit_sha).where(off_line & needed).distinct()
        )
        return [row.commit_sha for row in self.db.rows(query)]

    def delete_unused_texts(self) -> int:
        """Delete the next example texts that no build contains; return their number.

        The caller must hold the build lock.
        """
        same = t.TAUGHT_EXAMPLE.text_digest == t.EXAMPLE_TEXT.digest
        is_unused = ~fn.EXISTS(
            t.TAUGHT_EXAMPLE.select(t.TAUGHT_EXAMPLE.text_digest).where(same)
        )
        return sum(
            self.db.delete(t.EXAMPLE_TEXT, t.EXAMPLE_TEXT.digest.in_(chunk) & is_unused)
            for chunk in in_portions(self.list_next(t.EXAMPLE_TEXT.digest), CHUNK)
        )

    def list_next(self, key: Any) -> list[str]:
        """Return the next `SWEEP` values of a table's key, after the last from the first again."""
        settings = Settings(self.db)
        name = f"swept.{key.source.__name__}"
        query = (
            key.source.select(key)
            .where(key > settings.get(name))
            .order_by(key)
            .limit(SWEEP)
        )
        found = [value for (value,) in self.db.rows(query)]
        settings.put(name, found[-1] if len(found) == SWEEP else "")
        return found


def _list_needed_builds() -> Iterator[Select]:
    """Yield SELECTs of builds that serve or served, wait, train, or are a dataset's newest."""
    served = t.MODEL.id.in_(t.SERVING.select(t.SERVING.model_row))
    for name in (t.PROMOTION.to_model, t.PROMOTION.from_model):
        served |= t.MODEL.model_id.in_(t.PROMOTION.select(name))
    yield t.MODEL.select(t.MODEL.build_id).where(served)
    under_way = t.VERDICT.status.in_(
        [status.value for status in (*WAITING, VerdictStatus.TRAINING)]
    )
    has_build = t.VERDICT.build_id.is_null(is_null=False)
    yield t.VERDICT.select(t.VERDICT.build_id).where(under_way & has_build)
    yield t.JOB.select(t.JOB.build_id).where(UNFINISHED)
    yield t.BUILD.select(fn.MAX(t.BUILD.id)).group_by(t.BUILD.dataset)


def _is_unneeded(build_id: Any, before: datetime) -> Any:
    """Return the condition of unneeded builds whose jobs did not change since `before`."""
    recent = t.JOB.select(t.JOB.build_id).where(t.JOB.updated_at >= iso(before))
    return reduce(
        and_, (build_id.not_in(query) for query in (recent, *_list_needed_builds()))
    )


def _is_old_model(before: datetime) -> Any:
    is_settled = (t.MODEL.state != ModelState.NEW.value) & (
        t.MODEL.created_at < iso(before)
    )
    return is_settled & _is_unneeded(t.MODEL.build_id, before)


def _finished_rows(before: str) -> Iterator[tuple[Table, Any]]:
    over = t.TELEGRAM_UPDATE.state != UpdateState.WAITING.value
    yield t.TELEGRAM_UPDATE, over & (t.TELEGRAM_UPDATE.finished_at < before)
    yield (
        t.TELEGRAM_UPDATE,
        is_of_other_bot(t.TELEGRAM_UPDATE.bot_id)
        & (t.TELEGRAM_UPDATE.received_at < before),
    )
    done = (RequestState.DONE.value, RequestState.FAILED.value)
    yield t.REQUEST, t.REQUEST.state.in_(done) & (t.REQUEST.created_at < before)
    yield t.DIALOG, t.DIALOG.at < before
    yield t.PROPOSAL_EDITOR, t.PROPOSAL_EDITOR.at < before
    ended = (ProposalState.DECLINED.value, ProposalState.WITHDRAWN.value)
    condition = t.PROPOSAL.state.in_(ended) & (t.PROPOSAL.example_ids == "")
    yield t.PROPOSAL, condition & (t.PROPOSAL.at < before)
