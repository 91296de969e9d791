"""The process that answers, as the engine sees it: lines to it, lines from it, its end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from merlin.core.log import get_logger
from merlin.engine.answering.transformers.child.wire import Setup

log = get_logger(__name__)

Line = Mapping[str, Any]
# The longest line of the process: one vector of an embedding, one piece with its chances.
_LONGEST = 16 * 1024 * 1024
_LEAVING_S = 5.0
_BY_NUMBER = ("piece", "end", "vector", "vectors", "refused", "failed")
# Secrets of ours, which the process needs not.
_OURS = ("MERLIN_", "CREDENTIALS_DIRECTORY")
_PACKAGES = str(Path(__file__).parents[4])


class Process:
    """One run of the process, from its start to its end."""

    def __init__(self, child: asyncio.subprocess.Process, met: Callable[[int, str], str]) -> None:
        self._child = child
        self._met = met
        self._answers: dict[int, asyncio.Queue[Line]] = {}
        self._numbers = count(1)
        self._broken = ""
        self._is_wanted = True
        self._reading = asyncio.create_task(self._read())
        self.figures: Mapping[str, float] = {}

    @classmethod
    async def start(cls, setup: Setup, log: Path, met: Callable[[int, str], str]) -> Process:
        """Start it; `met` is told of an end that nobody wanted, and says it in words."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "merlin.engine.answering.transformers.child"),
                json.dumps(asdict(setup)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=_LONGEST,
                env=_environment(),
            )
        return cls(child, met)

    @property
    def pid(self) -> int:
        """Return its id."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Return whether it may be asked."""
        return self._is_wanted and not self._reading.done()

    @contextmanager
    def asked(self, question: Line) -> Iterator[asyncio.Queue[Line]]:
        """Send a question under a number of its own; give the lines that come for it.

        A question that is left before its answer is whole is taken back.
        """
        number = next(self._numbers)
        kind = "ask" if "ask" in question else "embed"
        answer = self._answers[number] = asyncio.Queue()
        if self._reading.done():
            answer.put_nowait({"failed": number, "why": "its process has just ended"})
        self._send({**question, kind: number})
        try:
            yield answer
        finally:
            if self._answers.pop(number, None) is not None:
                self._send({"stop": number})

    def let_go(self) -> None:
        """Tell it to leave: it does when nothing more can come to it."""
        self._is_wanted = False
        if self._child.stdin:
            self._child.stdin.close()

    async def leave(self) -> None:
        """Let it go, and wait until it is gone."""
        self.let_go()
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), _LEAVING_S)
        except TimeoutError:
            self._child.kill()
            await self._reading

    def _send(self, line: Line) -> None:
        if self.is_alive and self._child.stdin:
            self._child.stdin.write(json.dumps(line).encode() + b"\n")

    async def _read(self) -> None:
        out = self._child.stdout
        try:
            while out and (line := await out.readline()):
                self._take(json.loads(line))
        except ValueError:
            # Half a line is what a killed process leaves; whoever says more than a line may hold,
            # or what is none, cannot be understood any more.
            log.exception("a process that answers cannot be understood", pid=self.pid)
            with suppress(ProcessLookupError):
                self._child.kill()
        code = await self._child.wait()
        words = self._met(code, self._broken) if self._is_wanted else "it was let go of"
        for number, answer in self._answers.items():
            answer.put_nowait({"failed": number, "why": words})

    def _take(self, line: Line) -> None:
        self.figures = line.get("figures", self.figures)
        self._broken = line.get("broken", self._broken)
        if "ready" in line:
            said = {
                "window": line["ready"],
                "threads": line["threads"],
                "row_by_row": line["alone"],
            }
            log.info("a base is loaded", pid=self.pid, **said)
        number = next((line[kind] for kind in _BY_NUMBER if kind in line), None)
        if number in self._answers:
            is_last = not ("piece" in line or "vector" in line)
            answers = self._answers.pop if is_last else self._answers.get
            answer = answers(number)
            if answer:
                answer.put_nowait(line)


def _environment() -> dict[str, str]:
    """Return the process's own: no way to a hub, no second pool of threads beside torch's."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    path = os.pathsep.join(filter(None, [_PACKAGES, theirs.get("PYTHONPATH")]))
    added = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": path}
    return theirs | added
