"""Pages of the protocol's lists: `after`, `limit`, `has_more`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from merlin.engine.refusal import bad
from merlin.engine.rows import Row, Rows

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted; newest first unless `is_oldest_first`."""

    after: str = ""
    limit: int = 20
    is_oldest_first: bool = False


def page_of(query: Mapping[str, str], default: int, most: int) -> Page:
    """Read `after`, `limit` and `order` of a call. Raises Refusal 400."""
    told = query.get("limit") or str(default)
    if not told.isascii() or not told.isdigit() or not 1 <= int(told[:9]) <= most:
        raise bad("limit", f"limit must be a whole number from 1 to {most}, not {told[:20]!r}")
    order = query.get("order") or "desc"
    if order not in {"asc", "desc"}:
        raise bad("order", "order must be 'asc' or 'desc'")
    return Page(query.get("after", ""), int(told), order == "asc")


def rows_of(
    rows: Rows, table: str, where: str, values: Sequence[object], page: Page
) -> tuple[list[Row], bool]:
    """Return the rows of one page and whether more follow.

    `table` and `where` are ours, never a caller's words. Raises Refusal 400 for an unknown `after`.
    """
    sign, order = (">", "ASC") if page.is_oldest_first else ("<", "DESC")
    condition, given = where, list(values)
    if page.after:
        condition += f" AND seq {sign} ?"
        given.append(_place(rows, table, (where, values), page.after))
    sql = f"SELECT * FROM {table} WHERE {condition} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - no caller's words
    found = rows.select(sql, *given, page.limit + 1)
    return found[: page.limit], len(found) > page.limit


def _place(rows: Rows, table: str, among: tuple[str, Sequence[object]], after: str) -> int:
    where, values = among
    sql = f"SELECT seq FROM {table} WHERE {where} AND id = ?"  # noqa: S608 - no caller's words
    found = rows.select(sql, *values, after)
    if not found:
        raise bad("after", f"after: nothing in this list has the id {after[:80]}")
    return int(found[0]["seq"])


def list_object(
    found: tuple[Sequence[T], bool], shown: Callable[[T], Mapping[str, object]]
) -> dict[str, object]:
    """Return the protocol's list of a page: what was found, and whether more follow."""
    objects = [shown(each) for each in found[0]]
    return {
        "object": "list",
        "data": objects,
        "has_more": found[1],
        "first_id": objects[0]["id"] if objects else None,
        "last_id": objects[-1]["id"] if objects else None,
    }
