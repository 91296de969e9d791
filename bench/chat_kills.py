"""Rows with SIGKILL: 75 questions on the way, and 10,000 updates repeated and shuffled."""

from __future__ import annotations

import json
import random
import tempfile
import time
from pathlib import Path

from bench.chat_figures import Figure
from bench.chat_forked import start
from bench.chat_sides import KEYS, Ours, World
from merlin.db.database import open_database

ON_THE_WAY, KILLED_AFTER_S = 75, 1.5
UPDATES, CHATS, KILLS = 10_000, 4_000, 300
CALM_S = 300.0


def kill() -> list[Figure]:
    """Kill the bot with 75 questions on the way and start it at once."""
    with tempfile.TemporaryDirectory() as folder, World() as world:
        side = Ours(world, Path(folder), streams=True)
        process = side.start()
        world.do("polled")
        world.begin("burst", count=ON_THE_WAY, per_s=50)
        time.sleep(KILLED_AFTER_S)
        process.kill()
        process.wait()
        restarted = time.monotonic()
        process = side.start()
        told = world.ended()
        process.kill()
        process.wait()
    lost = told["asked"] - told["answered"]
    after = told["last_at"] - restarted - 1.0
    ours = f"{told['answered']} of {told['asked']} answered, {told['doubled']} doubled"
    return [
        Figure.of("SIGKILL, questions lost", ours, "", lost, 0, 0, is_less=True),
        Figure.of(
            "SIGKILL, all answered after (less the model)", "", "", after, 3, 1.5, is_less=True
        ),
    ]


def storm(updates: int = UPDATES, kills: int = KILLS, seed: int = 1) -> list[Figure]:
    """Deliver each update one to three times in no order, and kill the bot all the while."""
    chance = random.Random(seed)  # noqa: S311 - the same storm for the same seed
    with tempfile.TemporaryDirectory() as folder, World() as world:
        side = Ours(world, Path(folder), streams=True)
        world.do("model", seconds=0.05)
        handed = world.do("storm", updates=updates, chats=CHATS, seed=seed)["deliveries"]
        for _ in range(kills):
            process = start(side.config, side.log, KEYS)
            time.sleep(chance.uniform(0.1, 0.6))
            process.kill()
            process.join()
        process = start(side.config, side.log, KEYS)
        states = _calm(world, side, updates)
        told = world.do("stormed")
        process.kill()
        process.join()
    ended = sum(states.values()) - states.get("waiting", 0)
    answered, words = states.get("answered", 0), json.dumps(states)
    return [
        Figure.of(
            f"storm of {handed} deliveries, {kills} SIGKILLs, lost",
            words,
            "",
            updates - ended,
            0,
            0,
            is_less=True,
        ),
        Figure.of(
            "storm, answered updates without one whole answer",
            f"{told['answered']} shown",
            "",
            abs(answered - told["answered"]) + told["doubled"],
            0,
            0,
            is_less=True,
        ),
    ]


def _calm(world: World, side: Ours, updates: int) -> dict[str, int]:
    """Wait until nothing waits; return how many updates there are in each state."""
    until = time.monotonic() + CALM_S
    states: dict[str, int] = {}
    with open_database(f"sqlite://{side.state}/merlin.db", read_only=True) as database:
        while time.monotonic() < until:
            states = dict(database.sql("SELECT state, COUNT(*) FROM updates GROUP BY state"))
            left = world.do("stormed")["left"]
            if not left and not states.get("waiting") and sum(states.values()) == updates:
                break
            time.sleep(0.2)
    return states
