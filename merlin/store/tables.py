"""The tables and their columns, bound to no database; `store.migrations` makes them.

Every time is text as `core.clock.iso` writes it, every flag 0 or 1, every column named in
`store.values` JSON as text: the same on SQLite and PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import peewee


class Table(peewee.Table):
    """A table whose columns are its attributes."""

    if TYPE_CHECKING:

        def __getattr__(self, column: str) -> Any: ...

        def alias(self, name: str) -> Table: ...

    def update(self, update: Any = None, **values: object) -> peewee.Update:
        """Return an UPDATE; names of columns stand for columns, as in an INSERT."""
        named = {**(update or {}), **values}
        return super().update(
            {getattr(self, key) if isinstance(key, str) else key: named[key] for key in named}
        )

    def every(self) -> list[Any]:
        """Return all columns in the order of the schema."""
        return [getattr(self, name) for name in self._columns]


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


MIGRATION = _table("migration", "name applied_at")
WAKE = _table("wake", "id counter")
INTENT = _table("intent", "key kind state outside_id sent_at empty_finds")
REQUEST = _table("request", "id kind arguments by_whom state created_at result", "id")
NOTICE = _table("notice", "id to_whom key arguments once created_at handed_over_at", "id")
HEARTBEAT = _table("heartbeat", "process host pid since at step counters failing")
KEY_HOLDER = _table("key_holder", "process host pid at holds")

COMMIT = _table(
    "seen_commit",
    "sha parent position author_name author_email committed_at subject message seen_at",
)
VERDICT = _table(
    "verdict",
    "id commit_sha dataset position word wish spec reason arguments build_id job_id"
    " seen_at updated_at",
    "id",
)
NOTED = _table("noted", "commit_sha words at")
FINDING = _table("finding", "id verdict_id path line col rule severity arguments", "id")
BUILD = _table(
    "build",
    "id dataset number digest folder system train test train_tokens test_tokens manifest"
    " created_at is_whole",
    "id",
)
EXAMPLE = _table("example", "dataset example_id blob commit_sha author")
EXAMPLE_TEXT = _table("example_text", "digest messages words")
BUILD_EXAMPLE = _table(
    "build_example",
    "build_id dataset example_id blob commit_sha author split tokens text_digest",
)

JOB = _table(
    "job",
    "id launch_key wish dataset build_id provider recipe attempt state provider_job_id status"
    " model_id trained_tokens estimate_micro currency error not_before created_at updated_at",
    "id",
)
JOB_CHANGE = _table("job_change", "id job_id from_state to_state at", "id")
JOB_EVENT = _table("job_event", "id job_id event_id at level message kind data", "id")
CHECKPOINT = _table("checkpoint", "job_id model_id step metrics")

MODEL = _table(
    "model",
    "id provider model_id dataset build_id job_id state probes not_before note created_at",
    "id",
)
EVALUATION = _table("evaluation", "model_row questions chrf equal_share unknown_share at")
PROOF_ANSWER = _table("proof_answer", "model_row example_id answer known")
SERVING = _table("serving", "dataset model_row since position is_pinned")
PROMOTION = _table("promotion", "id dataset from_model to_model why by_whom at", "id")
