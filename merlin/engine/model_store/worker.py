"""`python -m merlin.engine.model_store.worker`: the process that brings one base.

It alone of the model store loads torch or the hub's client. It gets one order, sends its progress
and then what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue

from merlin.core.durable_files import is_full
from merlin.core.errors import Refused
from merlin.engine.child_process import EnginePipe
from merlin.engine.model_store.store import DISK_FULL, Progress


def main() -> None:
    """Do the order; every expected failure is sent in words, anything else is a bug with a log."""
    pipe, orders = EnginePipe(), SimpleQueue[Mapping[str, str]]()
    pipe.listen(orders.put)
    try:
        pipe.send({"kind": "done", **_carry_out(orders.get(), partial(_send_progress, pipe))})
    except Refused as error:
        arguments = {name: value for name, value in error.arguments.items() if name != "message"}
        pipe.send({"kind": "failed", "key": error.key, "arguments": arguments})
    except OSError as error:
        if not is_full(error):
            raise
        pipe.send({"kind": "failed", "key": DISK_FULL, "arguments": {}})


def _send_progress(pipe: EnginePipe, what: str, done: int, total: int) -> None:
    pipe.send({"kind": "progress", "what": what, "done": done, "total": total})


def _carry_out(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    try:
        if order["work"] == "fetch":
            from merlin.engine.model_store.hub import fetch  # noqa: PLC0415 - needs no torch

            return fetch(order, progress)
        from merlin.engine.model_store.gguf import convert  # noqa: PLC0415 - loads torch

        return convert(order, progress)
    except ModuleNotFoundError as error:
        raise Refused(str(error), "library-no-extra", package=error.name or "") from error


if __name__ == "__main__":
    main()
