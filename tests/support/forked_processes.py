"""Real processes of Merlin that start at once: forked from a server that has imported them.

A fresh interpreter imports for 2 s before the first line of a daemon runs, most of it the
`openai` package. A forked one is the same process in all that tests ask of it: its own memory,
its own death.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import uvloop

from merlin.cli.commands import COMMANDS
from tests.support.waiting import longest

# Merlin's own modules, and what those import only once they are asked for something.
_PROCESSES = (
    *("wiring.daemon", "wiring.bot", "wiring.api", "wiring.context"),
    *("engine.main", "engine.trainers.recall.train", "providers.openai_training"),
)
_OPENAI = ("chat", "audio", "files", "fine_tuning.jobs", "models")
_LATER = (
    "git",
    "h11",
    "httpcore2",
    "httptools",
    "jsonschema",
    "anyio.streams.tls",
    "apscheduler.triggers.interval",
    "openai.lib.streaming.chat",
    "pytest",
    "sacrebleu",
    "tiktoken",
    "truststore",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
)

# A process of tests has one server for all of them: a second list would replace the first.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *(f"merlin.{name}" for name in _PROCESSES),
        *{f"merlin.cli.{name}" for name, _ in COMMANDS.values()},
        *(f"openai.resources.{name}" for name in _OPENAI),
        *_LATER,
    ]
)


def start(verb, config, log, **environment):
    """Start `merlin <verb>` with a configuration, its outputs appended to `log`."""
    return started(run, [verb, "--config", str(config)], log, environment)


def start_bot(settings, log, **environment):
    """Start a bot with these settings, its outputs appended to `log`."""
    return started(_serve, settings, log, environment)


@contextmanager
def running(config, *verbs, **environment):
    """Run `merlin <verb>`s of one configuration until the block ends; give the processes.

    Outputs are appended to `<verb>.log` beside it.
    """
    processes = [
        start(verb, config, config.parent / f"{verb}.log", **environment) for verb in verbs
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def is_ready(address):
    """Return whether an api answers that it is ready."""
    import httpx

    try:
        return httpx.get(f"{address}/readyz").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def code_of(process, within_s=60):
    """Return the exit code of a process that ends by itself; None when it goes on."""
    process.join(longest(within_s))
    return process.exitcode


def started(work, said, log, environment):
    """Start a process that does `work(said, environment, log)`, a function of a module."""
    return started_alone(work, said, log, {**os.environ, **environment})


def started_alone(work, said, log, environment):
    """Start a process as `started` does, with this environment alone."""
    Path(log).touch()
    process = FORKS.Process(target=work, args=(said, environment, str(log)), daemon=True)
    process.start()
    return process


def run(words, environment, log):
    """Run a command as this process's only work."""
    become(environment, log)
    from merlin.cli import main

    sys.exit(main(words))


def _serve(settings, environment, log):
    become(environment, log)
    from merlin.core.log import set_up_logging

    set_up_logging("bot")
    uvloop.run(_until_signal(settings))


async def _until_signal(settings):
    from merlin.core.server import notify
    from merlin.wiring.bot import stop_on_signal
    from tests.support.process_settings import serve_bot

    await serve_bot(settings, stop_on_signal(), notify)


def become(environment, log):
    """Let this process have an environment, and a file for its outputs."""
    os.environ.clear()
    os.environ.update(environment)
    target = os.open(Path(log), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
