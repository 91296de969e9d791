"""`merlin run|daemon|bot|api`: run the processes of Merlin, alone or together; `merlin demo`.

The demo runs everything on this machine and needs no accounts.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from merlin.cli import language
from merlin.cli.options import DEFAULT, ConfigPath, configuration
from merlin.cli.output import show_progress
from merlin.core.probe import locale_language

app = typer.Typer()


@app.command()
def demo(
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Run through everything once, check it, and exit."
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Start over: delete the demo's folder first."),
    ] = False,
    state: Annotated[Path | None, typer.Option(help="The demo's folder.")] = None,
    port: Annotated[
        int,
        typer.Option(min=1, max=65530, help="First port; the next ones are used too."),
    ] = 8700,
) -> None:
    """Run a demo: a real repository, with stand-ins for Telegram, chat model and YooKassa."""
    from merlin.core.log import set_up_logging

    with show_progress("demo-begins"):  # these imports take a second
        from merlin.sandbox.demo.place import FOLDER, clear
        from merlin.sandbox.demo.run import run_check, run_demo

    folder = state or (None if check else FOLDER)
    if fresh and folder is not None:
        clear(folder)
    set_up_logging("demo", quiet=True)
    if check:
        sys.exit(run_check(folder, demo_language()))
    sys.exit(run_demo(folder or FOLDER, port, demo_language()))


def demo_language() -> str:
    """Return the demo's language: that of the commands, or Russian if the locale sets none."""
    return language() if locale_language() else "ru"


@app.command()
def run(config: ConfigPath = DEFAULT) -> None:
    """Run daemon, bot, api, and the engine if it is on this machine."""
    from merlin.config import process_names
    from merlin.config.credentials import need_credentials
    from merlin.core.log import set_up_logging
    from merlin.supervisor import Child, Supervisor

    settings = configuration(config)
    need_credentials(settings)
    names = process_names(settings)
    set_up_logging("run")
    sys.exit(
        Supervisor(
            [Child(name, [name, "--config", str(config)]) for name in names]
        ).run()
    )


@app.command()
def daemon(config: ConfigPath = DEFAULT) -> None:
    """Watch the repository: check, build, train, test, make new models live."""
    settings = configuration(config)
    from merlin.wiring.daemon import run_daemon

    run_daemon(settings)


@app.command()
def bot(config: ConfigPath = DEFAULT) -> None:
    """Answer people in Telegram."""
    from merlin.config.credentials import BOT_TOKEN, bot_id, credential

    settings = configuration(config)
    bot_id(credential(BOT_TOKEN))  # Check the token first: the imports below take time.
    from merlin.wiring.bot import run_bot

    run_bot(settings)


@app.command()
def api(config: ConfigPath = DEFAULT) -> None:
    """Serve the pages, the API, /v1 for programs, health, metrics and webhooks."""
    settings = configuration(config)
    from merlin.wiring.api import run_api

    run_api(settings)
