"""Ids: the name of a new example, made of its question and free."""

from __future__ import annotations

from merlin.bot.handlers.examples.draft import Draft
from merlin.bot.kit import Kit
from merlin.dataset.change import ChangeKind, ChangeState
from merlin.dataset.layout import EXAMPLES
from merlin.dataset.naming import Names
from merlin.dataset.rewording import parsed

# Where accepted corrections lie; the rows that approve them say so.
FROM_CHAT = "from-chat/"
_MOST_OWN = 50


def free_id(kit: Kit, draft: Draft, text: str, by: str = "") -> str:
    """Return an id that no example of the dataset has, nor one that the person asked to add."""
    taken = [*kit.rows.library.example_ids(draft.dataset), *_asked(kit, draft.dataset, by)]
    example = parsed(text)
    question = example.question if example else "new"
    if draft.proposal:
        inside = [each.removeprefix(FROM_CHAT) for each in taken]
        return f"{FROM_CHAT}{Names(inside).new(question)}"
    return Names(taken).new(question)


def _asked(kit: Kit, dataset: str, by: str) -> list[str]:
    """Return the ids of what waits to be added."""
    own = kit.rows.changes.of_editor(by, _MOST_OWN) if by else []
    folder = f"{dataset}/{EXAMPLES}"
    return [
        each.path.removeprefix(folder).removesuffix(".yaml")
        for each in own
        if each.kind is ChangeKind.ADD
        and each.state is not ChangeState.REFUSED
        and each.path.startswith(folder)
    ]
