"""Start bots fast, by forking a process that has imported Merlin, for hundreds of kills."""

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


def start_bot(config: Path, log: Path, environment: Mapping[str, str]) -> ForkServerProcess:
    """Start `merlin bot` with a configuration; its output is appended to `log`."""
    arguments = (str(config), str(log), {**os.environ, **environment})
    process = _CONTEXT.Process(target=_run, args=arguments, daemon=True)
    process.start()
    return process


def _run(config: str, log: str, environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    log_file = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(log_file, 1)
    os.dup2(log_file, 2)
    from merlin.cli import main

    sys.exit(main(["bot", "--config", config]))
