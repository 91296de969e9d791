"""`merlin users key`: a key by which a person's programs call the api."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from merlin.account.account import LAST_ID
from merlin.account.key import Scope
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say

UserId = Annotated[int, typer.Argument(metavar="USER", min=1, max=LAST_ID, help="Their id.")]
Scopes = Annotated[list[Scope], typer.Option("--scope", help="What it is for; more than once.")]
Label = Annotated[str, typer.Option(help="What its owner knows it by.")]
Days = Annotated[int | None, typer.Option(min=1, max=3650, help="Valid for so long.")]


def key(
    user: UserId,
    scope: Scopes,
    label: Label = "merlin users key",
    days: Days = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Make a key for somebody's programs; its secret is shown this once."""
    from merlin.wiring.user_keys import NewKey, make_key

    made = make_key(configuration(config), NewKey(user, label, scope, days))
    if json:
        as_json(made)
        return
    say(
        "account-did-key", user=str(user), number=str(made["key"]), scopes=", ".join(made["scopes"])
    )
    sys.stdout.write(f"{made['secret']}\n")
