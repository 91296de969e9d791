"""Bots that start at once: forked from a process that has imported them, for hundreds of kills."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from merlin.cli.commands import COMMANDS

_CONTEXT = multiprocessing.get_context("forkserver")
_CLI = {f"merlin.cli.{name}" for name, _ in COMMANDS.values()}
_CONTEXT.set_forkserver_preload(["merlin.wiring.bot", "merlin.providers.openai_chat", *_CLI])


def start(config: Path, log: Path, environment: Mapping[str, str]) -> ForkServerProcess:
    """Start `merlin bot` with a configuration; what it says is appended to `log`."""
    told = (str(config), str(log), {**os.environ, **environment})
    process = _CONTEXT.Process(target=_run, args=told, daemon=True)
    process.start()
    return process


def _run(config: str, log: str, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    said = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    from merlin.cli import main

    sys.exit(main(["bot", "--config", config]))
