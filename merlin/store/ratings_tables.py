"""The tables of ratings, of proposed examples and of what outlives an erasure.

`m008_ratings`, `m016_revoked`.
"""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


RATING = _table("rating", "turn_id user_id value at")
PROPOSAL = _table(
    "proposal",
    "id user_id dataset question answer turn_id model_id state example_id change_id removal_id"
    " reviewed_by reason is_thanked at reviewed_at",
    "id",
)
# What somebody who deleted everything had used, under a keyed hash instead of a name.
LEFT_BEHIND = _table("left_behind", "mark format day day_used month month_used until")
# Examples whose person took the consent back: no model whose build holds one may serve.
REVOKED_EXAMPLE = _table("revoked_example", "dataset example_id at")
