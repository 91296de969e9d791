"""Compare the bot with a stock bot, over real HTTP to stand-ins.

`python -m bench chat [ROW…]`. The bot has one core; Telegram, the provider and the people share
another. The stock bot is `bench.stock_bot`; overall rate limits are off on both sides.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.chat_sides import BotClass, MerlinBot, StockBot, World, run_bot
from bench.figures import Figure, print_rows

RUNS = 3
ANSWERS = 800
USERS = 200
ON_THE_WAY = 75
KILLED_AFTER_S = 1.5
Load = dict[str, Any]


def run(arguments: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    print_rows(ROWS, arguments)


def _measure_median(
    side: BotClass, load: str, *, streams: bool, **arguments: object
) -> Load:
    """Return the run with the median number of answers per second, after a warm-up run."""
    with run_bot(side, streams=streams) as (world, pid):
        world.run_load(load, pid=pid, **arguments)
        runs = [world.run_load(load, pid=pid, **arguments) for _ in range(RUNS)]
    runs.sort(key=lambda figures: figures["answers_per_s"])
    return runs[len(runs) // 2]


def compare_answers() -> list[Figure]:
    """Compare 200 users in a closed loop; model 1 s, no streaming."""
    arguments = {"users": USERS, "answers": ANSWERS}
    ours = _measure_median(MerlinBot, "run_closed_loop", streams=False, **arguments)
    stock = _measure_median(StockBot, "run_closed_loop", streams=False, **arguments)
    return [
        Figure.ratio("closed loop, answers", ours, stock, "answers_per_s", 1.0),
        Figure.ratio(
            "closed loop, CPU an answer", ours, stock, "cpu_ms", 0.8, is_less=True
        ),
    ]


def compare_streaming() -> list[Figure]:
    """Compare streaming to 200 users; the stock bot edits every 45 characters."""
    ours = _measure_median(
        MerlinBot, "run_closed_loop", streams=True, users=USERS, answers=ANSWERS
    )
    stock = _measure_median(
        StockBot, "run_closed_loop", streams=True, users=USERS, answers=USERS
    )
    return [
        Figure.ratio("streaming, answers", ours, stock, "answers_per_s", 3.0),
        Figure.at_most("streaming, added p99", ours, "p99_ms", 750, stock),
    ]


def measure_one_user() -> list[Figure]:
    """Measure one person who asks one question after the other."""
    ours = _measure_warm("run_closed_loop", {"answers": 5}, {"answers": 60}, users=1)
    return [
        Figure.at_most("one idle user, added p50", ours, "p50_ms", 6),
        Figure.at_most("one idle user, added p99", ours, "p99_ms", 15),
    ]


def measure_open_loop() -> list[Figure]:
    """Measure 25 questions per second, whatever is answered."""
    ours = _measure_warm("run_open_loop", {"seconds": 4}, {"seconds": 20}, per_s=25)
    return [
        Figure.at_most("25 answers/s, added p50", ours, "p50_ms", 10),
        Figure.at_most("25 answers/s, added p99", ours, "p99_ms", 50),
    ]


def _measure_warm(load: str, warm_up: Load, measured: Load, **common: int) -> Load:
    """Run a load twice with our bot, to warm up and to measure; return the second figures."""
    with run_bot(MerlinBot) as (world, pid):
        world.run_load(load, pid=pid, **common, **warm_up)
        return world.run_load(load, pid=pid, **common, **measured)


def measure_kill() -> list[Figure]:
    """Kill the bot with 75 open questions and restart it at once."""
    with tempfile.TemporaryDirectory() as folder, World() as world:
        side = MerlinBot(world, Path(folder), streams=True)
        process = side.start()
        world.run_load("wait_for_poll")
        world.begin_load("run_burst", count=ON_THE_WAY, per_s=50)
        time.sleep(KILLED_AFTER_S)
        process.kill()
        process.wait()
        restarted = time.monotonic()
        process = side.start()
        figures = world.read_result()
        process.kill()
        process.wait()
    lost = figures["asked"] - figures["answered"]
    after = figures["last_at"] - restarted - 1.0
    ours = f"{figures['answered']} of {figures['asked']} answered, {figures['doubled']} doubled"
    return [
        Figure.of("SIGKILL, questions lost", ours, "", lost, 0, is_less=True),
        Figure.of(
            "SIGKILL, all answered after (less the model)",
            "",
            "",
            after,
            3,
            is_less=True,
        ),
    ]


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "whole": compare_answers,
    "streaming": compare_streaming,
    "idle": measure_one_user,
    "open": measure_open_loop,
    "kill": measure_kill,
}
