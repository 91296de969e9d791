"""`merlin run|daemon|bot|api`: the processes of Merlin, alone or together."""

from __future__ import annotations

import sys

import typer

from merlin.cli.loading import DEFAULT, ConfigPath, configuration


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (run, daemon, bot, api):
        app.command()(verb)


def run(config: ConfigPath = DEFAULT) -> None:
    """Run daemon, bot and api (and the engine, where a provider is on this machine) together."""
    from merlin.core.log import setup
    from merlin.supervisor import Child, Supervisor
    from merlin.wiring.processes import names, need_credentials

    told = configuration(config)
    need_credentials(told)
    wanted = names(told)
    setup("run")
    sys.exit(Supervisor([Child(name, [name, "--config", str(config)]) for name in wanted]).run())


def daemon(config: ConfigPath = DEFAULT) -> None:
    """Watch the repository: check, build, launch, poll, prove, promote."""
    from merlin.wiring.daemon import run_daemon

    run_daemon(configuration(config))


def bot(config: ConfigPath = DEFAULT) -> None:
    """Answer people in Telegram."""
    from merlin.wiring.processes import start_bot

    start_bot(configuration(config))


def api(config: ConfigPath = DEFAULT) -> None:
    """Serve the pages, the open api, /v1 for programs, health, metrics and hooks."""
    from merlin.wiring.processes import start_api

    start_api(configuration(config))
