"""`python -m merlin.engine.model_store.child`: carry out one order, tell what came of it."""

from __future__ import annotations

import errno

from merlin.engine.model_store.child import Parent, Trouble

FULL = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Do the order; every expected trouble is told in words, anything else is a bug with a log."""
    parent = Parent()
    order = parent.order()
    try:
        parent.tell(told="done", **_carried_out(order, parent))
    except Trouble as trouble:
        parent.tell(told="trouble", key=trouble.key, arguments=trouble.arguments)
    except OSError as error:
        if error.errno not in FULL:
            raise
        parent.tell(told="trouble", key="library-disk-full", arguments={})


def _carried_out(order: dict[str, str], parent: Parent) -> dict[str, str]:
    try:
        if order["work"] == "fetch":
            from merlin.engine.model_store.child.hub import fetch  # noqa: PLC0415 - needs no torch

            return fetch(order, parent.progress)
        from merlin.engine.model_store.child.gguf import convert  # noqa: PLC0415 - loads torch

        return convert(order, parent.progress)
    except ModuleNotFoundError as error:
        raise Trouble("library-no-extra", package=error.name or "") from error


main()
