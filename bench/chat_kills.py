"""Rows with SIGKILL: 75 open questions, and 10,000 repeated and shuffled updates."""

import json
import random
import tempfile
import time
from pathlib import Path

from bench.chat_figures import Figure
from bench.chat_forked import start_bot
from bench.chat_sides import CREDENTIALS, MerlinBot, World
from merlin.db.database import open_database

ON_THE_WAY, KILLED_AFTER_S = 75, 1.5
UPDATES, CHATS, KILLS = 10_000, 4_000, 300
CALM_S = 300.0


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
        Figure.of("SIGKILL, questions lost", ours, "", lost, 0, 0, is_less=True),
        Figure.of(
            "SIGKILL, all answered after (less the model)", "", "", after, 3, 1.5, is_less=True
        ),
    ]


def measure_storm(updates: int = UPDATES, kills: int = KILLS, seed: int = 1) -> list[Figure]:
    """Deliver each update one to three times in random order while the bot is killed again."""
    rng = random.Random(seed)  # noqa: S311 - the same storm for the same seed
    with tempfile.TemporaryDirectory() as folder, World() as world:
        side = MerlinBot(world, Path(folder), streams=True)
        world.run_load("set_delay", seconds=0.05)
        deliveries = world.run_load("deliver_storm", updates=updates, chats=CHATS, seed=seed)[
            "deliveries"
        ]
        for _ in range(kills):
            process = start_bot(side.config, side.log, CREDENTIALS)
            time.sleep(rng.uniform(0.1, 0.6))
            process.kill()
            process.join()
        process = start_bot(side.config, side.log, CREDENTIALS)
        states = _wait_until_idle(world, side, updates)
        figures = world.run_load("count_storm_answers")
        process.kill()
        process.join()
    ended = sum(states.values()) - states.get("waiting", 0)
    answered, state_counts = states.get("answered", 0), json.dumps(states)
    return [
        Figure.of(
            f"storm of {deliveries} deliveries, {kills} SIGKILLs, lost",
            state_counts,
            "",
            updates - ended,
            0,
            0,
            is_less=True,
        ),
        Figure.of(
            "storm, answered updates without one whole answer",
            f"{figures['answered']} shown",
            "",
            abs(answered - figures["answered"]) + figures["doubled"],
            0,
            0,
            is_less=True,
        ),
    ]


def _wait_until_idle(world: World, side: MerlinBot, updates: int) -> dict[str, int]:
    """Wait until all updates are processed; return the number of updates in each state."""
    until = time.monotonic() + CALM_S
    states: dict[str, int] = {}
    with open_database(f"sqlite://{side.state}/merlin.db", read_only=True) as database:
        while time.monotonic() < until:
            states = dict(database.sql("SELECT state, COUNT(*) FROM updates GROUP BY state"))
            deliveries_left = world.run_load("count_storm_answers")["left"]
            if (
                not deliveries_left
                and not states.get("waiting")
                and sum(states.values()) == updates
            ):
                break
            time.sleep(0.2)
    return states
