"""Actor: who performs an act, and the permission checks that acts share."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from merlin.core.errors import NotFound
from merlin.core.names import find_nearest
from merlin.core.permissions import Authority, Permission, Role
from merlin.dataset.finding import shorten
from merlin.db import audit
from merlin.db.database import Row
from merlin.db.tables import Table

if TYPE_CHECKING:
    from peewee import Select

    from merlin.app.context import Context


@dataclass(frozen=True, slots=True)
class Actor:
    """Who performs an act; `name` is what requests and the audit log store.

    `user_id` 0 is an anonymous person, or the operator, who works on the machine itself and has
    every permission. `account` is their user name, None if it was not read.
    """

    name: str = ""
    authority: Authority = field(default_factory=Authority)
    user_id: int = 0
    is_operator: bool = False
    account: str | None = None

    @classmethod
    def person(
        cls, user_id: int, authority: Authority, account: str | None = None
    ) -> Actor:
        """Return the actor for a Telegram id."""
        return cls(audit.person_reference(user_id), authority, user_id, account=account)

    @classmethod
    def operator(cls) -> Actor:
        """Return the actor for the person at this machine's command line."""
        try:
            login = getpass.getuser()
        except (KeyError, OSError):  # a container whose user has no name
            login = str(os.getuid())
        return cls(f"cli:{login}", Authority(Role.ADMIN), is_operator=True)

    def may(self, permission: Permission, dataset: str | None = None) -> bool:
        """Return whether the actor has a permission, for a dataset or (None) for any."""
        return self.authority.may(permission, dataset)

    def require(self, permission: Permission, dataset: str) -> None:
        """Raise NotFound without the permission, as for a dataset that does not exist."""
        if not self.may(permission, dataset):
            raise missing_dataset(dataset)

    def list_visible_datasets(self, dataset: str = "") -> list[str] | None:
        """Return the datasets that a list may contain, None for all; `dataset` narrows it to one.

        Raises NotFound for a dataset that the actor may not watch.
        """
        if dataset:
            self.require(Permission.WATCH, dataset)
            return [dataset]
        if not self.may(Permission.WATCH):
            return []
        return (
            sorted(self.authority.scopes)
            if self.authority.role is Role.TEACHER
            else None
        )


def read_newest_rows(
    ctx: Context,
    actor: Actor,
    query: Select,
    table: Table,
    dataset: str,
    limit: int,
    before: int = 0,
) -> list[Row]:
    """Return rows that the actor may watch, newest first, of one dataset or ("") of all.

    `before`: only ids below it. Raises NotFound for a dataset that the actor may not watch.
    """
    visible = actor.list_visible_datasets(dataset)
    if visible is not None:
        query = query.where(table.dataset.in_(visible))
    if before:
        query = query.where(table.id < before)
    return ctx.db.rows(query.order_by(table.id.desc()).limit(limit))


def missing_dataset(dataset: str, known: Iterable[str] = ()) -> NotFound:
    """Return the error for a dataset that does not exist or is hidden from the actor.

    It names the nearest of the `known` ones.
    """
    name = shorten(dataset)
    near = find_nearest(dataset, known) or "none"
    return NotFound(f"no dataset {name}", "change-no-dataset", dataset=name, near=near)
