"""Real Merlin processes that start at once, forked from a server that has imported the modules.

A new interpreter spends 2 s on imports before a daemon runs, most of it on the `openai` package. A
forked process behaves the same for the tests: it has its own memory and can be killed.
"""

import faulthandler
import multiprocessing
import os
import sys
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import uvloop

from merlin.cli.commands import COMMANDS
from tests.support.ending import end, wait_for_end
from tests.support.waiting import longest

# Merlin's modules, and modules they import lazily.
_PROCESSES = (
    *("wiring.daemon", "wiring.bot", "wiring.api", "wiring.engine", "wiring.context"),
    *("engine.main", "engine.trainers.recall.train"),
    *("providers.openai_training", "providers.yookassa"),
)
_OPENAI = ("chat.chat", "audio", "files", "fine_tuning.fine_tuning", "models")
_LATER = (
    "git",
    "h11",
    "httpcore2",
    "httptools",
    "jsonschema",
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "apscheduler.triggers.base",
    "encodings.idna",
    "openai.lib.streaming.chat",
    "pytest",
    "sacrebleu",
    "snowballstemmer",
    "tiktoken",
    "truststore",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
)

PRELOADED = [
    *(f"merlin.{name}" for name in _PROCESSES),
    *{f"merlin.cli.{name}" for name, _ in COMMANDS.values()},
    *(f"openai.resources.{name}" for name in _OPENAI),
    *_LATER,
    "tests.support.prepared_commands",
]

# A test process has one fork server: setting the list again would replace the first.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOADED)


def start(verb, config, log, **environment):
    """Start `merlin <verb>` with a configuration; its output is appended to `log`."""
    return start_function(
        run_command, [verb, "--config", str(config)], log, environment
    )


def start_bot(settings, log, **environment):
    """Start a bot with these settings; its output is appended to `log`."""
    return start_function(_run_bot, settings, log, environment)


@contextmanager
def run_processes(config, *verbs, **environment):
    """Run `merlin <verb>` processes with one configuration until the block ends; yield them.

    Output is appended to `<verb>.log` beside the configuration.
    """
    processes = [
        start(verb, config, config.parent / f"{verb}.log", **environment)
        for verb in verbs
    ]
    try:
        yield processes
    finally:
        end(*processes)


def is_ready(address):
    """Return whether an API reports that it is ready."""
    import httpx

    try:
        return httpx.get(f"{address}/readyz").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def wait_for_exit(process, within_s=60):
    """Return the exit code of a process that ends by itself, None if it is still running."""
    process.join(longest(within_s))
    return process.exitcode


def start_function(function, argument, log, environment):
    """Start a process that calls `function(argument, environment, log)` of a module."""
    return start_with_environment(
        function, argument, log, {**os.environ, **environment}
    )


def start_with_environment(function, argument, log, environment):
    """Start a process as `start_function` does, with exactly this environment."""
    Path(log).touch()
    process = FORKS.Process(
        target=function, args=(argument, environment, str(log)), daemon=True
    )
    process.start()
    return process


def run_forked(function, *arguments):
    """Call a function of a module in a process of its own; return its exit code."""
    process = FORKS.Process(target=function, args=arguments)
    process.start()
    wait_for_end(process)
    return process.exitcode


def run_command(arguments, environment, log):
    """Run a command as the only work of this process."""
    set_up_process(environment, log)
    from merlin.cli import main

    sys.exit(main(arguments))


def _run_bot(settings, environment, log):
    set_up_process(environment, log)
    from merlin.core.log import set_up_logging

    set_up_logging("bot")
    uvloop.run(_until_signal(settings))


async def _until_signal(settings):
    from merlin.core.server import notify
    from merlin.wiring.bot import stop_on_signal
    from tests.support.process_settings import serve_bot

    await serve_bot(settings, stop_on_signal(), notify)


def set_up_process(environment, log):
    """Replace the environment of this process and redirect its output to a file."""
    os.environ.clear()
    os.environ.update(environment)
    target = os.open(Path(log), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    faulthandler.enable()  # `end` asks one that does not end for its stacks
