"""The tables of changes and of the files that editors see.

Steps `m005_changes`, `m014_left`, `m017_refusals`.
"""

from __future__ import annotations

from merlin.store.tables import Table


def _table(name: str, columns: str, key: str | None = None) -> Table:
    return Table(name, tuple(columns.split()), primary_key=key)


CHANGE = _table(
    "change",
    "id change_id batch dataset kind path before_blob text editor_name editor_email subject by_whom"
    " state reason arguments commit_sha theirs theirs_blob told_word is_told created_at updated_at"
    " left_blob refusals",
    "id",
)
DATASET_TREE = _table("dataset_tree", "dataset tree")
DATASET_FILE = _table("dataset_file", "dataset path blob")
DATASET_TEXT = _table("dataset_text", "blob text")
