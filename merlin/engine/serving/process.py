"""A worker child process: its queue, lazy start, restarts after crashes, and shutdown.

The process is stopped when idle and restarted after a crash. The message protocol is described in
`serving.base`.
"""

import asyncio
import json
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import fmean

from merlin.core.clock import Backoff
from merlin.core.log import get_logger
from merlin.engine.child_process import build_environment
from merlin.engine.serving.base import Line, Unavailable, busy_error, parse_refusal

# The pause after the second crash in a row, and the longest one.
_FIRST_RESTART_S, _MAX_RESTART_S = 4.0, 60.0
# The longest line from a worker, in bytes.
_MAX_LINE_BYTES = 1 << 20
_STOP_S = 5.0
_ANSWER_KINDS = ("piece", "end", "refused", "failed")
_MAX_SAMPLES = 32
# The assumed duration before a first answer has finished.
_INITIAL_DURATION_S = 2.0
_MAX_DURATION_S = 600.0
log = get_logger(__name__)


class RestartPolicy:
    """The pauses after crashes in a row; `advice` is added to out-of-memory messages."""

    def __init__(self, name: str, advice: str) -> None:
        self._name = name
        self._advice = advice
        self._crashes = 0
        self._backoff = Backoff(_FIRST_RESTART_S, _MAX_RESTART_S)
        self.restarts = 0
        self.last_error = ""

    def note_end(self, code: int, broken: str) -> str:
        """Record an unexpected exit; return the reason for pending requests."""
        self.restarts += 1
        self._crashes += 1
        if self._crashes > 1:  # after a single one, the next request starts it at once
            self._backoff.begin()
        why = broken or f"its process ended with code {code}; its log says more"
        if code == -signal.SIGKILL and not broken:
            why = f"its process was killed, most likely for want of memory; {self._advice}"
        self.last_error = f"{self._name} cannot answer: {why}"
        return why

    def note_answer(self) -> None:
        """Record a successful answer: reset the count of crashes."""
        self._crashes = 0
        self._backoff.reset()

    def check(self) -> None:
        """Raise Unavailable during the restart delay."""
        if left_s := self._backoff.left_s:
            again = f"it ended {self._crashes} times in a row; next try in {left_s:.0f} s"
            raise Unavailable(f"{self.last_error} ({again})")


class WorkerProcess:
    """One running worker process and its pending requests."""

    def __init__(
        self, child: asyncio.subprocess.Process, on_end: Callable[[int, str], str]
    ) -> None:
        """Take a started child; `on_end` returns the reason of an unexpected exit."""
        self._child = child
        self._on_end = on_end
        self._answers: dict[int, asyncio.Queue[Line]] = {}
        self._numbers = count(1)
        self._broken = ""
        self._is_open = True
        self._reading = asyncio.create_task(self._read())
        self.figures: Mapping[str, float] = {}

    @property
    def is_alive(self) -> bool:
        """Return whether it accepts requests."""
        return self._is_open and not self._reading.done()

    @contextmanager
    def ask(self, question: Line) -> Iterator[asyncio.Queue[Line]]:
        """Send a request with a new number; yield the queue of its response lines.

        Leaving the block before the answer is complete cancels the request.
        """
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.Queue()
        if self._reading.done():
            answer.put_nowait({"failed": number, "why": "its process has just ended"})
        self._send({**question, "ask": number})
        try:
            yield answer
        finally:
            if self._answers.pop(number, None) is not None:
                self._send({"stop": number})

    def close(self) -> None:
        """Close stdin, which makes the process exit."""
        self._is_open = False
        if self._child.stdin:
            self._child.stdin.close()

    async def end(self) -> None:
        """Close stdin and wait for the exit; kill the process after a timeout."""
        self.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), _STOP_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._child.kill()
            await asyncio.shield(self._reading)

    def _send(self, line: Line) -> None:
        if self.is_alive and self._child.stdin:
            self._child.stdin.write(json.dumps(line).encode() + b"\n")

    async def _read(self) -> None:
        out = self._child.stdout
        try:
            # A line without an end was cut by the process's death. It is not killed again: `kill`
            # polls, and could take the exit code from asyncio, which then reports 255.
            while out and (line := await out.readline()).endswith(b"\n"):
                self._dispatch(json.loads(line))
        except ValueError:
            # A line over the limit, or invalid JSON: the stream cannot be parsed any further.
            log.exception("invalid output of a worker process", pid=self._child.pid)
            with suppress(ProcessLookupError):
                self._child.kill()
        code = await self._child.wait()
        reason = self._on_end(code, self._broken) if self._is_open else "it was stopped"
        for number, answer in self._answers.items():
            answer.put_nowait({"failed": number, "why": reason})

    def _dispatch(self, line: Line) -> None:
        self.figures = line.get("figures", self.figures)
        self._broken = line.get("broken", self._broken)
        if "ready" in line:
            fields = {
                "window": line["ready"],
                "threads": line["threads"],
                "row_by_row": line["alone"],
            }
            log.info("base loaded", pid=self._child.pid, **fields)
        number = next((line[kind] for kind in _ANSWER_KINDS if kind in line), None)
        if number in self._answers:
            is_last = "piece" not in line
            answer = self._answers.pop(number) if is_last else self._answers[number]
            answer.put_nowait(line)


class SlotQueue:
    """A first-in, first-out queue: at most `at_once` run, at most `most_waiting` wait."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._free_slots = at_once
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._durations_s: deque[float] = deque(maxlen=_MAX_SAMPLES)
        self.running = 0
        self.waiting = 0

    @asynccontextmanager
    async def hold_slot(self) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the block. Raises ApiError 429 if the queue is full."""
        if not self._free_slots and self.waiting >= self._most_waiting:
            raise busy_error(self.retry_after_s())
        await self._wait()
        began = time.monotonic()
        self.running += 1
        try:
            yield
            self._durations_s.append(time.monotonic() - began)
        finally:
            self.running -= 1
            self._release_slot()

    def retry_after_s(self) -> float:
        """Return the estimated wait in seconds, from the duration of the last answers."""
        mean_s = fmean(self._durations_s or [_INITIAL_DURATION_S])
        rounds = (self.waiting + 1) / self._at_once
        return min(mean_s * rounds, _MAX_DURATION_S)

    async def _wait(self) -> None:
        if self._free_slots:
            self._free_slots -= 1
            return
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        self.waiting += 1
        try:
            await slot
        except asyncio.CancelledError:
            # The slot was granted in the moment of cancellation: pass it on.
            if slot.done() and not slot.cancelled():
                self._release_slot()
            raise
        finally:
            self.waiting -= 1

    def _release_slot(self) -> None:
        """Give the slot to the next in the queue, or free it."""
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.done():
                slot.set_result(None)
                return
        self._free_slots += 1


@dataclass
class ChildServer:
    """A worker process with its queue; must be used from one event loop.

    `command` is a module with its arguments. `check` is called before each start and raises if the
    worker cannot be started.
    """

    name: str
    command: Sequence[str]
    log: Path
    queue: SlotQueue
    idle_s: float
    restarts: RestartPolicy
    check: Callable[[], object]
    _process: WorkerProcess | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def ask(self, question: Line) -> AsyncIterator[AsyncIterator[Line]]:
        """Wait for a slot, send a request and yield its response lines; leaving early cancels it.

        Raises Unavailable, and ApiError if the queue is full or the process rejects the request.
        """
        async with self.queue.hold_slot():
            self._stop_timer()
            try:
                process = await self._get_process()
                with process.ask(question) as answer:
                    yield self._read(answer)
            finally:
                self._stop_timer()
                if self.idle_s and self.queue.running <= 1 and self._process:
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(self.idle_s, self._process.close)

    @property
    def figures(self) -> Mapping[str, float]:
        """Return the process's latest figures, empty if it is not running."""
        return self._process.figures if self._process and self._process.is_alive else {}

    async def close(self) -> None:
        """Stop the process; pending requests get Unavailable."""
        self._stop_timer()
        if self._process:
            await self._process.end()

    async def _read(self, answer: asyncio.Queue[Line]) -> AsyncIterator[Line]:
        while True:
            line = await answer.get()
            if "refused" in line:
                raise parse_refusal(line)
            if "failed" in line:
                raise Unavailable(f"{self.name} could not answer: {line['why']}")
            yield line
            if "end" in line:
                self.restarts.note_answer()
                return

    async def _get_process(self) -> WorkerProcess:
        """Return the process, starting it if needed. Raises Unavailable."""
        async with self._starting:
            if not (self._process and self._process.is_alive):
                self.check()
                self.restarts.check()
                self.log.parent.mkdir(parents=True, exist_ok=True)
                with self.log.open("ab") as errors:
                    child = await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", *self.command),
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=errors,
                        limit=_MAX_LINE_BYTES,
                        env=build_environment(),
                    )
                self._process = WorkerProcess(child, self.restarts.note_end)
            return self._process

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
