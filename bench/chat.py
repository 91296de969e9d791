"""Compare the bot with a stock bot, over real HTTP to stand-ins.

`python -m bench chat [ROW…]`. The bot has one core; Telegram, the provider and the people share
another. The stock bot is `bench.stock_bot`; overall rate limits are off on both sides.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.chat_sides import MerlinBot, StockBot, run_bot
from bench.chat_world import World
from bench.figures import Figures, at_least, at_most, print_rows

RUNS = 3
ANSWERS = 800
USERS = 200
ON_THE_WAY = 75
KILLED_AFTER_S = 1.5
KILLS = 20
BotClass = type[MerlinBot] | type[StockBot]


def run(arguments: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    print_rows(ROWS, arguments)


@contextmanager
def _run_alone(side: BotClass, *, streams: bool = True) -> Iterator[tuple[World, int]]:
    """Run a bot in a world of its own; yield the world and the bot's process id."""
    with tempfile.TemporaryDirectory() as folder, World() as world:
        bot = side(world, Path(folder), streaming="edits" if streams else "off")
        with run_bot(bot, world) as pid:
            yield world, pid


def _measure_median(
    side: BotClass, *, streams: bool, answers: int = ANSWERS
) -> Figures:
    """Return the closed loop with the median of answers per second, after a warm-up one."""
    arguments = {"users": USERS, "answers": answers}
    with _run_alone(side, streams=streams) as (world, pid):
        world.run_load("run_closed_loop", pid=pid, **arguments)
        runs = [
            world.run_load("run_closed_loop", pid=pid, **arguments) for _ in range(RUNS)
        ]
    runs.sort(key=lambda figures: figures["answers_per_s"])
    return runs[len(runs) // 2]


def _compare(what: str, ours: Figures, stock: Figures, least: float) -> str:
    """Return the row of answers per second against the stock bot's."""
    ratio = ours["answers_per_s"] / stock["answers_per_s"]
    sides = (f"{side['answers_per_s']:.4g} answers/s" for side in (ours, stock))
    return at_least(what, ratio, least, " against ".join(sides))


def compare_answers() -> Iterator[str]:
    """Compare 200 users in a closed loop; model 1 s, no streaming."""
    ours = _measure_median(MerlinBot, streams=False)
    stock = _measure_median(StockBot, streams=False)
    yield _compare("closed loop, answers", ours, stock, 1.0)
    sides = f"{ours['cpu_ms']:.2f} ms against {stock['cpu_ms']:.2f} ms"
    ratio = ours["cpu_ms"] / stock["cpu_ms"]
    yield at_most("closed loop, CPU an answer", ratio, 0.8, sides)


def compare_streaming() -> Iterator[str]:
    """Compare streaming to 200 users; the stock bot edits every 45 characters."""
    ours = _measure_median(MerlinBot, streams=True)
    stock = _measure_median(StockBot, streams=True, answers=USERS)
    yield _compare("streaming, answers", ours, stock, 3.0)
    yield at_most("streaming, added p99, ms", ours["p99_ms"], 750)


def measure_one_user() -> Iterator[str]:
    """Measure one person who asks one question after the other."""
    ours = _measure_warm("run_closed_loop", {"answers": 5}, {"answers": 60}, users=1)
    yield at_most("one idle user, added p50, ms", ours["p50_ms"], 6)


def measure_open_loop() -> Iterator[str]:
    """Measure 25 questions per second, whatever is answered."""
    ours = _measure_warm("run_open_loop", {"seconds": 4}, {"seconds": 20}, per_s=25)
    yield at_most("25 answers/s, added p99, ms", ours["p99_ms"], 50)


def _measure_warm(
    load: str, warm_up: dict[str, int], measured: dict[str, int], **common: int
) -> Figures:
    """Run a load twice with our bot, to warm up and to measure; return the second figures."""
    with _run_alone(MerlinBot) as (world, pid):
        world.run_load(load, pid=pid, **common, **warm_up)
        return world.run_load(load, pid=pid, **common, **measured)


def measure_kill() -> Iterator[str]:
    """Kill the bot with 75 open questions and restart it at once, 20 times each way."""
    for streaming in ("drafts", "edits", "off"):
        runs = [_kill_once(streaming) for _ in range(KILLS)]
        name = f"SIGKILL, {streaming}"
        for wrong in ("lost", "unmarked", "orphans"):
            yield at_most(f"{name}: {wrong}", sum(run[wrong] for run in runs), 0)
        repeating = sum(run["doubled"] > 0 for run in runs)
        yield at_most(f"{name}: runs that repeat, marked", repeating, KILLS / 20)
        after_s = max(run["after_s"] for run in runs)
        yield at_most(f"{name}: all answered after (less the model), s", after_s, 3)


def _kill_once(streaming: str) -> Figures:
    with tempfile.TemporaryDirectory() as folder, World() as world:
        side = MerlinBot(world, Path(folder), streaming=streaming)
        with run_bot(side, world):
            burst = world.begin_load("run_burst", count=ON_THE_WAY, per_s=50)
            time.sleep(KILLED_AFTER_S)
        restarted = time.monotonic()
        with run_bot(side, world):
            figures = burst.result()
    lost = figures["asked"] - figures["answered"]
    after_s = figures["last_at"] - restarted - 1.0
    return {**figures, "lost": lost, "after_s": after_s}


ROWS: dict[str, Callable[[], Iterator[str]]] = {
    "whole": compare_answers,
    "streaming": compare_streaming,
    "idle": measure_one_user,
    "open": measure_open_loop,
    "kill": measure_kill,
}
