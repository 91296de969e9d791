"""The compared bots as processes."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.chat_world import TOKEN, World
from bench.processes import start
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from tests.support.ending import kill
from tests.support.serving_models import insert_live_model

CREDENTIALS = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "OPENAI_API_KEY": "the-key-of-the-measurement",
}
CONFIG = """\
state_dir: {folder}
telegram:
  base_url: {telegram}
providers: [{{name: chat, base_url: "{provider}"}}]
chat: {{streaming: "{streaming}"}}
"""


class MerlinBot:
    """`merlin bot` on its own SQLite file, with a serving model."""

    def __init__(self, world: World, folder: Path, *, streaming: str) -> None:
        self.state = folder / "state"
        self.log = folder / "log"
        self.config = folder / "config.yaml"
        self.config.write_text(
            CONFIG.format(
                folder=self.state,
                telegram=world.telegram,
                provider=world.provider,
                streaming=streaming,
            )
        )
        store_serving_model(self.state)

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

    def __init__(self, world: World, folder: Path, *, streaming: str) -> None:
        self._log = folder / "log"
        addresses = [TOKEN, f"{world.telegram}/bot", world.provider]
        edits = ["--edits"] if streaming == "edits" else []
        self._command = ["-m", "bench.stock_bot", *addresses, *edits]

    def start(self) -> subprocess.Popen[bytes]:
        """Start or restart the bot."""
        return start(self._command, self._log)


@contextmanager
def run_bot(bot: MerlinBot | StockBot, world: World) -> Iterator[int]:
    """Run a bot until the block ends; yield its process id once it polls."""
    process = bot.start()
    try:
        world.run_load("wait_for_poll")
        yield process.pid
    finally:
        kill(process)
