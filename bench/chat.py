"""Compare the bot with a stock bot, over real HTTP to stand-ins.

`python -m bench chat [ROW…] [--json]`; `storm` takes longest and is run only by name. The bot has
one core; Telegram, the provider and the people share another. The stock bot is `bench.stock_bot`;
overall rate limits are off on both sides.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from bench import chat_kills
from bench.chat_figures import Figure, format_row
from bench.chat_sides import BotClass, EchoBot, MerlinBot, StockBot, run_bot

RUNS, ANSWERS, USERS = 3, 800, 200
ECHOES = 3000
# The delay of all chats by python-telegram-bot's AIORateLimiter; measured separately, because it
# needs a package that Merlin does not use.
STOCK_FLOOD = "11.6 s (AIORateLimiter)"
Load = dict[str, Any]


def run(arguments: Sequence[str] = ()) -> None:
    """Print each row as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench chat")
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all but storm by default")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    for name in args.rows or (row for row in ROWS if row != "storm"):
        for figure in ROWS[name]():
            print(json.dumps(asdict(figure)) if args.json else format_row(figure), flush=True)


def _measure_median(side: BotClass, load: str, *, streams: bool, **arguments: object) -> Load:
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
        Figure.ratio("closed loop, answers", ours, stock, "answers_per_s", 1.0, 1.12),
        Figure.ratio("closed loop, CPU an answer", ours, stock, "cpu_ms", 0.8, 0.35, is_less=True),
    ]


def compare_streaming() -> list[Figure]:
    """Compare streaming to 200 users; the stock bot edits every 45 characters."""
    ours = _measure_median(MerlinBot, "run_closed_loop", streams=True, users=USERS, answers=ANSWERS)
    stock = _measure_median(StockBot, "run_closed_loop", streams=True, users=USERS, answers=USERS)
    return [
        Figure.ratio("streaming, answers", ours, stock, "answers_per_s", 3.0, 4.0),
        Figure.at_most("streaming, added p99", ours, "p99_ms", 750, 500, stock),
    ]


def measure_one_user() -> list[Figure]:
    """Measure one person who asks one question after the other."""
    ours = _measure_warm("run_closed_loop", {"answers": 5}, {"answers": 60}, users=1)
    return [
        Figure.at_most("one idle user, added p50", ours, "p50_ms", 6, 4),
        Figure.at_most("one idle user, added p99", ours, "p99_ms", 15, 10),
    ]


def measure_open_loop() -> list[Figure]:
    """Measure 25 questions per second, whatever is answered."""
    ours = _measure_warm("run_open_loop", {"seconds": 4}, {"seconds": 20}, per_s=25)
    return [
        Figure.at_most("25 answers/s, added p50", ours, "p50_ms", 10, 6),
        Figure.at_most("25 answers/s, added p99", ours, "p99_ms", 50, 25),
    ]


def _measure_warm(load: str, warm_up: Load, measured: Load, **common: int) -> Load:
    """Run a load twice with our bot, to warm up and to measure; return the second figures."""
    with run_bot(MerlinBot) as (world, pid):
        world.run_load(load, pid=pid, **common, **warm_up)
        return world.run_load(load, pid=pid, **common, **measured)


def compare_echo() -> list[Figure]:
    """Compare the answer to an unknown command with and without database rows."""
    arguments = {"users": USERS, "answers": ECHOES, "command": "/echo"}
    ours = _measure_median(MerlinBot, "run_closed_loop", streams=True, **arguments)
    bare = _measure_median(EchoBot, "run_closed_loop", streams=True, **arguments)
    return [Figure.ratio("durable echo", ours, bare, "answers_per_s", 0.75, 0.8)]


def measure_flood() -> list[Figure]:
    """Measure other chats while one is in a flood wait of 12 s, also during 200 answers."""
    with run_bot(MerlinBot) as (world, pid):
        world.run_load("run_closed_loop", pid=pid, users=2, answers=4)
        ours = world.run_load("measure_flood")
    with run_bot(MerlinBot) as (world, pid):
        world.run_load("run_closed_loop", pid=pid, users=2, answers=4)
        world.run_load("set_delay", seconds=6)
        crowd = world.run_load("measure_crowd")
    figures = [
        Figure.at_most("200 answers, pre-checkout usually after", crowd, "usual_s", 0.2, 0.1),
        Figure.at_most("200 answers, pre-checkout at worst after", crowd, "worst_s", 1.0, 0.2),
        Figure.at_most("12 s flood wait, pre-checkout after", ours, "pre_checkout_s", 0.1, 0.02),
        Figure.at_most("12 s flood wait, other chats delayed", ours, "others_s", 0.1, 0.02),
    ]
    return [replace(figure, against=STOCK_FLOOD) for figure in figures]


def measure_memory() -> list[Figure]:
    """Measure resident memory, idle and after 10,000 sessions."""
    with run_bot(MerlinBot):
        pass  # Writes the bytecode cache, as an installation does.
    with run_bot(MerlinBot) as (world, pid):
        world.run_load("set_delay", seconds=0.05)
        before = statistics.median(
            world.run_load("measure_idle", pid=pid)["rss_mb"] for _ in range(3)
        )
        after = world.run_load("open_sessions", pid=pid)["rss_mb"]
    return [
        Figure.at_most("memory, idle", {"mb": before}, "mb", 110, 90),
        Figure.at_most("memory, 10,000 sessions touched", {"mb": after}, "mb", 250, 180),
    ]


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "whole": compare_answers,
    "streaming": compare_streaming,
    "idle": measure_one_user,
    "open": measure_open_loop,
    "kill": chat_kills.measure_kill,
    "echo": compare_echo,
    "flood": measure_flood,
    "memory": measure_memory,
    "storm": chat_kills.measure_storm,
}
