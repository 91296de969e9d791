"""Step 16: the names of examples whose person took the consent back."""

from __future__ import annotations

from merlin.db.database import Database

_TABLE = """
CREATE TABLE revoked_example (
    dataset TEXT NOT NULL,
    example_id TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, example_id)
);
"""
_LEAVING = """
SELECT dataset, example_id, COALESCE(reviewed_at, at) FROM proposal
WHERE state = 'withdrawn' AND example_id <> ''
"""
# Those that a commit in Merlin's name took out before this step.
_LEFT = "SELECT dataset, path, created_at FROM change WHERE by_whom = 'merlin' AND kind = 'delete'"
_KEEP = """
INSERT INTO revoked_example (dataset, example_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
"""


def m016_revoked(db: Database) -> None:
    """Keep the names of revoked examples; the daemon retires their models when it starts."""
    db.script(_TABLE)
    for dataset, example_id, at in db.sql(_LEAVING):
        db.sql(_KEEP, dataset, example_id, at)
    for dataset, path, at in db.sql(_LEFT):
        example_id = path.removeprefix(f"{dataset}/examples/").removesuffix(".yaml")
        db.sql(_KEEP, dataset, example_id, at)
