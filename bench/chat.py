"""The bot against the stock bot: real HTTP to stand-ins, every message stored before it counts.

`python -m bench chat [ROW…] [--json]`; `storm` takes longest and is run by name alone. The bot has
one core, Telegram, the provider and the people have another. `bench.stock_bot` says what stock is;
overall limits are lifted on both sides.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from bench import chat_kills
from bench.chat_figures import Figure, shown
from bench.chat_sides import Echo, Ours, Side, Stock, running

RUNS, ANSWERS, USERS = 3, 800, 200
ECHOES = 3000
# What python-telegram-bot's own AIORateLimiter makes everybody wait; measured apart, because it
# needs a package that Merlin does without.
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
            print(json.dumps(asdict(figure)) if args.json else shown(figure), flush=True)


def _runs(side: Side, load: str, *, streams: bool, **asked: object) -> Load:
    """Return the middle one of some runs, by answers a second; the first run warms up."""
    with running(side, streams=streams) as (world, pid):
        world.do(load, pid=pid, **asked)
        runs = [world.do(load, pid=pid, **asked) for _ in range(RUNS)]
    runs.sort(key=lambda figures: figures["answers_per_s"])
    return runs[len(runs) // 2]


def whole() -> list[Figure]:
    """Let 200 users ask in a closed loop, model 1 s, no streaming."""
    arguments = {"users": USERS, "answers": ANSWERS}
    ours = _runs(Ours, "closed", streams=False, **arguments)
    stock = _runs(Stock, "closed", streams=False, **arguments)
    return [
        Figure.ratio("closed loop, answers", ours, stock, "answers_per_s", 1.0, 1.12),
        Figure.ratio("closed loop, CPU an answer", ours, stock, "cpu_ms", 0.8, 0.35, is_less=True),
    ]


def streaming() -> list[Figure]:
    """Stream to the same 200 users; the stock bot edits every 45 characters."""
    ours = _runs(Ours, "closed", streams=True, users=USERS, answers=ANSWERS)
    stock = _runs(Stock, "closed", streams=True, users=USERS, answers=USERS)
    return [
        Figure.ratio("streaming, answers", ours, stock, "answers_per_s", 3.0, 4.0),
        Figure.most("streaming, added p99", ours, "p99_ms", 750, 500, stock),
    ]


def idle() -> list[Figure]:
    """Let one person ask one question after the other."""
    ours = _warmed("closed", {"answers": 5}, {"answers": 60}, users=1)
    return [
        Figure.most("one idle user, added p50", ours, "p50_ms", 6, 4),
        Figure.most("one idle user, added p99", ours, "p99_ms", 15, 10),
    ]


def open_loop() -> list[Figure]:
    """Let 25 questions come a second, whatever is answered."""
    ours = _warmed("opened", {"seconds": 4}, {"seconds": 20}, per_s=25)
    return [
        Figure.most("25 answers/s, added p50", ours, "p50_ms", 10, 6),
        Figure.most("25 answers/s, added p99", ours, "p99_ms", 50, 25),
    ]


def _warmed(load: str, first: Load, then: Load, **both: int) -> Load:
    """Return what our bot did the second time; the first warms it up."""
    with running(Ours) as (world, pid):
        world.do(load, pid=pid, **both, **first)
        return world.do(load, pid=pid, **both, **then)


def echo() -> list[Figure]:
    """Compare the answer to a command that there is not, with its rows and without."""
    arguments = {"users": USERS, "answers": ECHOES, "command": "/echo"}
    ours = _runs(Ours, "closed", streams=True, **arguments)
    bare = _runs(Echo, "closed", streams=True, **arguments)
    return [Figure.ratio("durable echo", ours, bare, "answers_per_s", 0.75, 0.8)]


def flood() -> list[Figure]:
    """Let one chat wait for 12 s; also while 200 answers are being written."""
    with running(Ours) as (world, pid):
        world.do("closed", pid=pid, users=2, answers=4)
        ours = world.do("flood")
    with running(Ours) as (world, pid):
        world.do("closed", pid=pid, users=2, answers=4)
        world.do("model", seconds=6)
        crowd = world.do("crowd")
    figures = [
        Figure.most("200 answers, pre-checkout usually after", crowd, "usual_s", 0.2, 0.1),
        Figure.most("200 answers, pre-checkout at worst after", crowd, "worst_s", 1.0, 0.2),
        Figure.most("12 s flood wait, pre-checkout after", ours, "pre_checkout_s", 0.1, 0.02),
        Figure.most("12 s flood wait, other chats delayed", ours, "others_s", 0.1, 0.02),
    ]
    return [replace(figure, against=STOCK_FLOOD) for figure in figures]


def memory() -> list[Figure]:
    """Measure resident memory, idle and with 10,000 sessions touched."""
    with running(Ours):
        pass  # Its bytecode is kept now, as an installed one's is.
    with running(Ours) as (world, pid):
        world.do("model", seconds=0.05)
        before = statistics.median(world.do("idle", pid=pid)["rss_mb"] for _ in range(3))
        after = world.do("touch", pid=pid)["rss_mb"]
    return [
        Figure.most("memory, idle", {"mb": before}, "mb", 110, 90),
        Figure.most("memory, 10,000 sessions touched", {"mb": after}, "mb", 250, 180),
    ]


ROWS: dict[str, Callable[[], list[Figure]]] = {
    "whole": whole,
    "streaming": streaming,
    "idle": idle,
    "open": open_loop,
    "kill": chat_kills.kill,
    "echo": echo,
    "flood": flood,
    "memory": memory,
    "storm": chat_kills.storm,
}
