"""Start the compared bots and their stand-ins as processes."""

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

from bench.chat_order import store_order
from bench.chat_telegram import TOKEN
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from tests.support.serving_models import insert_live_model

ROOT = Path(__file__).parents[1]
CREDENTIALS = {"TELEGRAM_BOT_TOKEN": TOKEN, "OPENAI_API_KEY": "the-key-of-the-measurement"}
CONFIG = """\
state_dir: {folder}
telegram:
  base_url: {telegram}
providers: [{{name: chat, base_url: "{provider}"}}]
chat: {{streaming: {streaming}}}
"""
Figures = dict[str, Any]


class World:
    """The process of `bench.chat_world`, on the last core; `with World() as world:`."""

    def __enter__(self) -> World:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.chat_world"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        os.sched_setaffinity(self._process.pid, {list_cores()[-1]})
        ports = self.read_result()
        self.telegram = f"http://127.0.0.1:{ports['telegram']}"
        self.provider = f"http://127.0.0.1:{ports['provider']}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run_load(self, load: str, **arguments: object) -> Figures:
        """Run a load and return its figures."""
        self.begin_load(load, **arguments)
        return self.read_result()

    def begin_load(self, load: str, **arguments: object) -> None:
        """Start a load; `read_result` returns its figures."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": load, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def read_result(self) -> Figures:
        """Wait for the started load and return its figures."""
        assert self._process.stdout is not None
        figures: Figures = json.loads(self._process.stdout.readline())
        return figures


def list_cores() -> list[int]:
    """Return this machine's cores: the bot uses the first, the stand-ins the last."""
    return sorted(os.sched_getaffinity(0))


def start(command: Sequence[str], log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a program on the first core; its output is appended to the file `log`."""
    with log.open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**bytecode_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
        )
    os.sched_setaffinity(process.pid, {list_cores()[0]})
    return process


def bytecode_environment() -> dict[str, str]:
    """Return an environment with cached bytecode, as installed programs have."""
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": f"{tempfile.gettempdir()}/merlin-bench-bytecode",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


class MerlinBot:
    """`merlin bot` on its own SQLite file, with a serving model."""

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
        store_serving_model(self.state)
        store_order(self.state)

    def start(self) -> subprocess.Popen[bytes]:
        """Start or restart the bot."""
        command = ["-m", "merlin", "bot", "--config", str(self.config)]
        return start(command, self.log, **CREDENTIALS)


def store_serving_model(state: Path, url: str = "") -> None:
    """Store the serving model `bench` in a new SQLite file below a new `state`, or at `url`."""
    state.mkdir()
    with open_database(url or f"sqlite://{state}/merlin.db") as database:
        migrate(database)
        insert_live_model(database, "bench")


class StockBot:
    """The bot of `bench.stock_bot`."""

    name = "stock bot"

    def __init__(self, world: World, folder: Path, *, streams: bool) -> None:
        self._log = folder / "log"
        words = [TOKEN, f"{world.telegram}/bot", world.provider]
        self._command = ["-m", "bench.stock_bot", *words, *(["--edits"] if streams else [])]

    def start(self) -> subprocess.Popen[bytes]:
        """Start or restart the bot."""
        return start(self._command, self._log)


class EchoBot(StockBot):
    """The bot of `bench.chat_echo`."""

    name = "the same echo without rows"

    def __init__(self, world: World, folder: Path, *, streams: bool) -> None:
        super().__init__(world, folder, streams=streams)
        self._command = ["-m", "bench.chat_echo", TOKEN, f"{world.telegram}/bot"]


BotClass = type[MerlinBot] | type[StockBot]


@contextmanager
def run_bot(side: BotClass, *, streams: bool = True) -> Iterator[tuple[World, int]]:
    """Start a world and a bot; yield the world and the bot's process id."""
    with tempfile.TemporaryDirectory() as folder, World() as world:
        process = side(world, Path(folder), streams=streams).start()
        try:
            world.run_load("wait_for_poll")
            yield world, process.pid
        finally:
            process.kill()
            process.wait()
            _print_log(Path(folder) / "log")


def _print_log(log: Path) -> None:
    if os.environ.get("BENCH_LOGS"):
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
