"""`merlin users add|name|password`: user names and passwords, for who has no Telegram at hand."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from merlin.account.account import LAST_ID
from merlin.account.role import Role
from merlin.cli import language
from merlin.cli.loading import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import as_json, say, word
from merlin.core.errors import Refused
from merlin.core.text import text

UserId = Annotated[int, typer.Argument(metavar="USER", min=1, max=LAST_ID, help="Their id.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user name: a-z, 0-9, . _ -")]
Asked = Annotated[bool, typer.Option("--ask", help="Ask for the password at the terminal.")]
RoleName = Annotated[Role, typer.Option("--role", help="The role.")]
Scope = Annotated[str | None, typer.Option(help="A teacher's dataset or course.")]


def add(
    name: Name,
    role: RoleName = Role.STUDENT,
    scope: Scope = None,
    ask: Asked = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Add somebody without Telegram; their first password is shown once, or asked for."""
    from merlin.wiring.accounts import NewAccount, add_account

    given = _asked() if ask else None
    made = add_account(configuration(config), NewAccount(name, role, scope, given))
    if json:
        as_json(made)
        return
    told = " ".join(filter(None, [word("role", made["role"]), *made["scopes"]]))
    say("account-did-add", name=made["name"], user=str(made["user"]), role=told)
    _tell(made["password"])


def name(user: UserId, name: Name, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Give somebody a user name; those of a course.yaml are given here alone."""
    from merlin.wiring.accounts import give_name

    given = give_name(configuration(config), user, name)
    if json:
        as_json({"user": user, "name": given})
        return
    say("account-did-name", user=str(user), name=given)


def password(
    name: Name, ask: Asked = False, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Give an account a new password, and end all its sign-ins."""
    from merlin.wiring.accounts import give_password

    made = give_password(configuration(config), name, _asked() if ask else None)
    if json:
        as_json(made)
        return
    say("account-did-password", name=made["name"])
    _tell(made["password"])


def _asked() -> str:
    """Return a password as typed twice, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"{text(language(), 'account-ask-password')}: ")
    if getpass.getpass(f"{text(language(), 'account-ask-password-again')}: ") != first:
        raise Refused("the passwords differ", "account-password-differs")
    return first


def _tell(password: str | None) -> None:
    if password is not None:
        told = text(language(), "account-first-password", password=password)
        sys.stdout.write(f"{told}\n")
