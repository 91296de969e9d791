"""Ids: the name of a new example, made of its question and free."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.kit import Kit
from merlin.dataset.change import ChangeKind
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.naming import Names
from merlin.dataset.rewording import parsed

# Where accepted corrections lie; the rows that approve them say so.
FROM_CHAT = "from-chat/"
# Long enough for a commit to be seen.
_FRESH = timedelta(hours=1)


def free_id(kit: Kit, draft: Draft, text: str) -> str:
    """Return an id that no example of the dataset has, nor one that anybody asked to add."""
    taken = [*kit.rows.library.example_ids(draft.dataset), *_asked(kit, draft.dataset)]
    return new_id(draft, text, taken)


def new_id(draft: Draft, text: str, taken: Iterable[str]) -> str:
    """Return an id for a draft that is written as `text`, made of its question."""
    example = parsed(text)
    question = example.question if example else "new"
    if draft.proposal:
        inside = [each.removeprefix(FROM_CHAT) for each in taken]
        return f"{FROM_CHAT}{Names(inside).new(question)}"
    return Names(taken).new(question)


def _asked(kit: Kit, dataset: str) -> list[str]:
    """Return the ids of what waits to be added, or was and may not be seen yet."""
    since = kit.services.clock() - _FRESH
    rows, folder = kit.rows.change_list, f"{dataset}/{EXAMPLES}"
    return [
        each.path.removeprefix(folder).removesuffix(".yaml")
        for each in (*rows.pending(dataset), *rows.committed(dataset, since))
        if each.kind is ChangeKind.ADD and each.path.startswith(folder)
    ]
