"""`merlin engine`: serve; and what there is to see and to do about an engine, a file a topic."""

from __future__ import annotations

from importlib import import_module

import typer

from merlin.cli.loading import DEFAULT, ConfigPath, configuration

# Each adds its verbs to the group by `register`.
TOPICS = ("engine_models", "engine_keys", "engine_views")


def register(app: typer.Typer) -> None:
    """Add the verb, which is a group too, to the command line."""
    group = typer.Typer()
    group.callback(invoke_without_command=True)(engine)
    for name in TOPICS:
        import_module(f"merlin.cli.{name}").register(group)
    app.add_typer(group, name="engine")


def engine(context: typer.Context, config: ConfigPath = DEFAULT) -> None:
    """Serve the OpenAI protocol with Merlin's own trainers; see also the commands below."""
    if context.invoked_subcommand is None:
        from merlin.wiring.engine import start_engine

        start_engine(configuration(config))
    elif config != DEFAULT:
        raise typer.BadParameter(f"put --config after {context.invoked_subcommand} …")
