"""`python -m merlin.engine.serving.worker SETUP`: the worker process; see `serving.base`."""

import json
import signal
import sys
import traceback

from merlin.engine.child_process import EnginePipe
from merlin.engine.serving.base import Setup


def main() -> int:
    """Load the base of the setup given as JSON, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = EnginePipe()
    setup = Setup(**json.loads(sys.argv[1]))
    # Imported after EnginePipe watches the engine, because torch takes seconds.
    from merlin.engine.serving.worker.loop import describe_error, serve  # noqa: PLC0415

    try:
        serve(setup, pipe)
    except Exception as error:  # noqa: BLE001 - reported to the engine; the traceback is logged
        traceback.print_exc()
        pipe.send({"broken": describe_error(error)})
    return 1


if __name__ == "__main__":
    sys.exit(main())
