"""`merlin engine keys add|list|revoke`: who else may call the engine, and how much."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, table, word
from merlin.core.clock import iso

if TYPE_CHECKING:
    from merlin.engine.clients import Client, Clients

COLUMNS = ("name", "key", "state", "made", "used", "answers", "tokens", "jobs", "bytes", "pace")
Name = Annotated[str, typer.Argument(help="Who it is for: a program, a course, a person.")]


def register(app: typer.Typer) -> None:
    """Add the group to `merlin engine`."""
    group = typer.Typer(no_args_is_help=True, help="Keys of those who may call the engine.")
    group.command()(add)
    group.command("list")(list_keys)
    group.command()(revoke)
    app.add_typer(group, name="keys")


def add(
    name: Name,
    per_minute: Annotated[int, typer.Option(min=0, help="Calls a minute; 0: no limit.")] = 60,
    tokens: Annotated[int, typer.Option(min=0, help="Tokens a day; 0: no limit.")] = 0,
    jobs: Annotated[int, typer.Option(min=0, help="Unfinished jobs; 0: no limit.")] = 0,
    megabytes: Annotated[int, typer.Option(min=0, help="MB of files; 0: no limit.")] = 0,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Make a key, shown this once; a revoked name gets a new key and finds its things again."""
    from merlin.engine.limits import Limits
    from merlin.wiring.engine_keys import clients_of

    limits = Limits(per_minute, tokens, jobs, megabytes * 1_000_000)
    with clients_of(configuration(config)) as clients:
        key = clients.add(name, limits)
    if json:
        as_json({"name": name, "key": key, "limits": asdict(limits)})
        return
    say("engine-key-made", name=name)
    sys.stdout.write(f"{key}\n")


def list_keys(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the keys by their beginnings, with what each used today and holds now."""
    from merlin.wiring.engine_keys import clients_of

    with clients_of(configuration(config)) as clients:
        found = [_shown(clients, client) for client in clients.every()]
    if json:
        as_json({"keys": found})
        return
    table([f"engine-key-col-{name}" for name in COLUMNS], [_row(each) for each in found])


def revoke(name: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Let a key count no more, at once; what was made with it stays."""
    from merlin.wiring.engine_keys import clients_of

    with clients_of(configuration(config)) as clients:
        clients.revoke(name)
    if json:
        as_json({"name": name, "state": "revoked"})
        return
    say("engine-key-revoked", name=name)


def _shown(clients: Clients, client: Client) -> dict[str, Any]:
    return {
        "name": client.name,
        "hint": client.hint,
        "state": "good" if client.revoked_at is None else "revoked",
        "created": iso(datetime.fromtimestamp(client.created_at, UTC)),
        "used_on": client.used_on,
        "limits": asdict(client.limits),
        "use": asdict(clients.use(client)),
    }


def _row(each: dict[str, Any]) -> list[object]:
    use, limits = each["use"], each["limits"]
    return [
        each["name"],
        f"{each['hint']}…",
        word("engine-key-state", each["state"]),
        each["created"][:10],
        each["used_on"],
        use["answers"],
        _of(use["tokens"], limits["tokens_per_day"]),
        _of(use["jobs"], limits["jobs"]),
        _of(use["bytes"], limits["bytes"]),
        limits["requests_per_minute"] or "∞",
    ]


def _of(used: int, limit: int) -> str:
    return f"{used}/{limit}" if limit else str(used)
