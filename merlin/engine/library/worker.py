"""The child that brings a base, from its parent's side: one order in, progress out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from merlin.core.errors import MerlinError, Refused

Tell = Callable[[str, int, int], None]
CHILD = "merlin.engine.library.child"
# It calls nobody but the hub, and tells us its progress itself.
QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


class Trouble(Refused):
    """The child could not bring the base, and said why."""


def carried_out(order: Mapping[str, str], log: Path, tell: Tell, lock: int) -> Mapping[str, str]:
    """Let a child carry an order out and return what it found.

    `tell` hears (file or stage, done, of how many). The child holds our `lock` too, so that it is
    taken until the last of us has ended. Raises Trouble with the child's words, MerlinError when
    it died without any; `log` then holds what it printed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as printed:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            text=True,
            env={**os.environ, **QUIET},
            pass_fds=(lock,),
        )
        try:
            return _heard(child, order, log, tell)
        finally:
            # The end of its stdin ends it; whoever waits no longer, kills it.
            child.kill()
            child.communicate()


def _heard(
    child: subprocess.Popen[str], order: Mapping[str, str], log: Path, tell: Tell
) -> Mapping[str, str]:
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    child.stdin.write(json.dumps(order) + "\n")
    child.stdin.flush()
    for line in child.stdout:
        said = json.loads(line)
        kind = said.pop("told")
        if kind == "done":
            return dict(said)
        if kind == "trouble":
            raise Trouble(f"{said['key']} {said['arguments']}", said["key"], **said["arguments"])
        tell(said["what"], said["done"], said["total"])
    code = child.wait()
    raise MerlinError(f"exit {code}, see {log}", "library-child-died", code=code, log=str(log))
