"""`python -m merlin.engine.model_store.worker`: the process that pulls one base.

Of the model store only this process loads the hub's client. It reads one request, sends progress
and then the result.
"""

from collections.abc import Mapping

from merlin.core.durable_files import is_disk_full
from merlin.core.errors import Refused
from merlin.engine.child_process import EnginePipe
from merlin.engine.model_store.store import DISK_FULL, Progress


def main() -> None:
    """Run the request; expected failures are sent as messages, bugs are logged."""
    pipe = EnginePipe()

    def progress(step: str, current: int, total: int) -> None:
        pipe.send({"kind": "progress", "what": step, "done": current, "total": total})

    try:
        pipe.send({"kind": "done", **_run_order(pipe.inbox.get(), progress)})
    except Refused as error:
        arguments = {name: value for name, value in error.arguments.items() if name != "message"}
        pipe.send({"kind": "failed", "key": error.key, "arguments": arguments})
    except OSError as error:
        if not is_disk_full(error):
            raise
        pipe.send({"kind": "failed", "key": DISK_FULL, "arguments": {}})


def _run_order(order: Mapping[str, str], progress: Progress) -> dict[str, str]:
    try:
        from merlin.engine.model_store.hub import fetch  # noqa: PLC0415 - the extra's packages

        return fetch(order, progress)
    except ModuleNotFoundError as error:
        raise Refused(str(error), "library-no-extra", package=error.name or "") from error


if __name__ == "__main__":
    main()
