"""The sides of the bench's comparison as processes, and the world between them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.chat_order import let_order
from bench.chat_serving import let_serve
from bench.chat_telegram import TOKEN

ROOT = Path(__file__).parents[1]
KEYS = {"TELEGRAM_BOT_TOKEN": TOKEN, "OPENAI_API_KEY": "the-key-of-the-measurement"}
CONFIG = """\
state_dir: {folder}
telegram:
  base_url: {telegram}
  limits: {{overall_per_s: 0, private_per_s: 0, group_per_min: 0}}
providers: [{{name: chat, base_url: "{provider}"}}]
chat: {{streaming: {streaming}}}
"""
Figures = dict[str, Any]


class World:
    """Telegram, provider and people, as a process on the last core; `with World() as world:`."""

    def __enter__(self) -> World:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.chat_world"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        os.sched_setaffinity(self._process.pid, {cores()[-1]})
        ports = self.ended()
        self.telegram = f"http://127.0.0.1:{ports['telegram']}"
        self.provider = f"http://127.0.0.1:{ports['provider']}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def do(self, load: str, **arguments: object) -> Figures:
        """Return the figures of a load."""
        self.begin(load, **arguments)
        return self.ended()

    def begin(self, load: str, **arguments: object) -> None:
        """Begin a load; `ended` returns its figures."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": load, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def ended(self) -> Figures:
        """Return the figures of the load that was begun."""
        assert self._process.stdout is not None
        figures: Figures = json.loads(self._process.stdout.readline())
        return figures


def cores() -> list[int]:
    """Return the cores of this machine: the bot has the first, the world the last."""
    return sorted(os.sched_getaffinity(0))


def start(command: Sequence[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a bot on the first core; what it says goes to the file `log`."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**_installed(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    os.sched_setaffinity(process.pid, {cores()[0]})
    return process


def _installed() -> dict[str, str]:
    """Return the environment of a program whose bytecode is kept, as that of an installed one."""
    kept = {**os.environ, "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/merlin-bench-bytecode"}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


class Ours:
    """`merlin bot` as users start it, on an SQLite file of its own, with a model that serves."""

    name = "merlin bot"

    def __init__(self, world: World, folder: Path, *, streams: bool) -> None:
        self.state = folder / "state"
        self.log = folder / "log"
        self.config = folder / "config.yaml"
        self.config.write_text(
            CONFIG.format(
                folder=self.state,
                telegram=world.telegram,
                provider=world.provider,
                streaming="edits" if streams else '"off"',
            )
        )
        let_serve(self.state)
        let_order(self.state)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the bot, or start it again."""
        command = ["-m", "merlin", "bot", "--config", str(self.config)]
        return start(command, self.log, **KEYS)


class Stock:
    """The bot of `bench.stock_bot`."""

    name = "stock bot"

    def __init__(self, world: World, folder: Path, *, streams: bool) -> None:
        self._log = folder / "log"
        words = [TOKEN, f"{world.telegram}/bot", world.provider]
        self._command = ["-m", "bench.stock_bot", *words, *(["--edits"] if streams else [])]

    def start(self) -> subprocess.Popen[bytes]:
        """Start the bot, or start it again."""
        return start(self._command, self._log)


class Echo(Stock):
    """The bot of `bench.chat_echo`."""

    name = "the same echo without rows"

    def __init__(self, world: World, folder: Path, *, streams: bool) -> None:
        super().__init__(world, folder, streams=streams)
        self._command = ["-m", "bench.chat_echo", TOKEN, f"{world.telegram}/bot"]


Side = type[Ours] | type[Stock]


@contextmanager
def running(side: Side, *, streams: bool = True) -> Iterator[tuple[World, int]]:
    """Yield a world and the process id of a bot that polls it."""
    with tempfile.TemporaryDirectory() as folder, World() as world:
        process = side(world, Path(folder), streams=streams).start()
        try:
            world.do("polled")
            yield world, process.pid
        finally:
            process.kill()
            process.wait()
            _leave_log(Path(folder) / "log")


def _leave_log(log: Path) -> None:
    if os.environ.get("BENCH_LOGS"):
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
