"""`merlin users`: people, their roles and plans; their user names, passwords and API keys.

User names and passwords are for people without Telegram.
"""

import getpass
import sys
from typing import Annotated, Any

import typer

from merlin.account.accounts import LAST_ID
from merlin.account.api_keys import Scope
from merlin.app import users
from merlin.app.users import UserView
from merlin.billing.terms import MAX_DAYS
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    print_result,
    read_context,
    require_yes,
    write_context,
)
from merlin.cli.output import (
    format_cell,
    print_json,
    print_list,
    print_message,
    record,
    translate_word,
)
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.core.permissions import Role

LIST_COLUMNS = ("user", "name", "account", "role", "plan", "language", "note")
# Telegram ids have at most 52 bits (Bot API, User.id); ids of people without Telegram have 53.
PersonId = Annotated[
    int,
    typer.Argument(
        metavar="USER", min=1, max=LAST_ID, help="Telegram ID of the person."
    ),
]

app = typer.Typer(
    name="users", no_args_is_help=True, help="People: roles, plans, accounts."
)


@app.command("list")
def list_users(
    words: Annotated[str, typer.Argument(help="ID, or part of a name.")] = "",
    offset: Annotated[int, typer.Option(min=0, help="Number of entries to skip.")] = 0,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Maximum number of entries.")
    ] = 50,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """List people, newest first."""
    with read_context(config) as (ctx, actor):
        page = users.list_users(ctx, actor, words, offset, limit)
    records = [_user_record(user) for user in page.users]
    count = page.count
    if json:
        print_json({"users": records, "count": count})
        return
    print_list([_row(user) for user in records], LIST_COLUMNS, prefix="account-col")
    print_message("account-count", shown=len(records), count=count)


def _user_record(user: UserView) -> dict[str, Any]:
    """Return a person's fields for JSON lists."""
    return {
        "user": user.id,
        "name": user.display_name,
        "account": user.name or "",
        "role": user.role.value,
        "scopes": user.scopes,
        "plan": user.current_plan,
        "language": user.language,
        "blocked": user.blocked,
    }


def _row(user: dict[str, Any]) -> dict[str, Any]:
    """Return a person's fields for people."""
    role = " ".join([translate_word("role", user["role"]), *user["scopes"]])
    note = translate_word("page", "blocked") if user["blocked"] else ""
    return {**user, "role": role, "note": note}


@app.command()
def role(
    user: PersonId,
    name: Annotated[
        Role, typer.Argument(metavar="ROLE", help="Role; student revokes others.")
    ],
    scope: Annotated[
        str | None, typer.Option(help="Dataset or course of a teacher.")
    ] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Grant a role, which replaces the previous one; scopes of a teacher are added up."""
    with write_context(config) as (ctx, actor):
        user_roles = users.grant_role(ctx, actor, user, name, scope)
    values = {"user": user, "role": user_roles.role.value, "scopes": user_roles.scopes}
    roles = " ".join(
        [translate_word("role", user_roles.role.value), *user_roles.scopes]
    )
    print_result(values, "account-did-role", json=json, user=str(user), role=roles)


@app.command()
def erase(
    user: PersonId,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Delete all data of a person for good, as /delete_me does."""
    with read_context(config) as (ctx, actor):
        person = {"user": str(user), "name": users.get(ctx, actor, user).display_name}
    require_yes(
        "account-erase-sure", "account-erase-not-sure", is_confirmed=yes, **person
    )
    # What it stops stays stopped when the erasure has to wait.
    with write_context(config) as (ctx, actor):
        awaited = users.prepare_erasure(ctx, actor, user)
    if awaited:
        raise Refused(
            "an erasure has to wait", "account-erase-waits", reason=awaited, **person
        )
    with write_context(config) as (ctx, actor):
        deleted, models = users.erase(ctx, actor, user)
    shown = {
        "rows": sum(deleted.values()),
        "models": ", ".join(models) or "none",
        **person,
    }
    values = {"user": user, "deleted": deleted, "models": models}
    print_result(values, "account-did-erase", json=json, **shown)


@app.command()
def plan(
    user: PersonId,
    name: Annotated[
        str, typer.Argument(metavar="PLAN", help="Name of a plan in config.yaml.")
    ],
    days: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_DAYS, help="Number of days. Default: for good."),
    ] = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Assign a plan, for good, or for some days that start when the same plan ends."""
    values: dict[str, Any] = {"user": user, "plan": name}
    with write_context(config) as (ctx, actor):
        if days is None:
            users.set_plan(ctx, actor, user, name)
        else:
            ends_at = users.give_plan(ctx, actor, user, name, days).ends_at
            values |= {"days": days, "ends_at": ends_at}
    key = "account-did-plan" if days is None else "account-did-plan-days"
    until = format_cell(values.get("ends_at"))
    print_result(values, key, json=json, user=str(user), plan=name, until=until)


UserId = Annotated[
    int, typer.Argument(metavar="USER", min=1, max=LAST_ID, help="ID of the person.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Username: a-z, 0-9, . _ -")]
AskPassword = Annotated[
    bool, typer.Option("--ask", help="Ask for the password at the terminal.")
]
RoleName = Annotated[Role, typer.Option("--role", help="The role.")]
RoleScope = Annotated[str | None, typer.Option(help="Dataset or course of a teacher.")]


@app.command()
def add(
    name: Name,
    role: RoleName = Role.STUDENT,
    scope: RoleScope = None,
    ask: AskPassword = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Add a person without Telegram; prints a first password once, or asks for one."""
    first_password = _read_password() if ask else None
    with write_context(config) as (ctx, actor):
        account = users.add_account(ctx, actor, name, first_password, role, scope)
    if json:
        print_json(record(account))
        return
    roles = " ".join(
        filter(None, [translate_word("role", account.role.value), *account.scopes])
    )
    print_message(
        "account-did-add", name=account.name, user=str(account.user), role=roles
    )
    _print_password(account.password)


@app.command()
def name(
    user: UserId, name: Name, config: ConfigPath = DEFAULT, json: AsJson = False
) -> None:
    """Set a username; names listed in a course.yaml can only be assigned here."""
    with write_context(config) as (ctx, actor):
        stored_name = users.set_name(ctx, actor, user, name)
    values = {"user": user, "name": stored_name}
    print_result(
        values, "account-did-name", json=json, user=str(user), name=stored_name
    )


@app.command()
def password(
    name: Name,
    ask: AskPassword = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Set a new password, and end all sign-ins of the account."""
    new_password = _read_password() if ask else None
    with write_context(config) as (ctx, actor):
        account = users.set_password(ctx, actor, name, new_password)
    if json:
        print_json(record(account, role="", scopes=""))
        return
    print_message("account-did-password", name=account.name)
    _print_password(account.password)


def _read_password() -> str:
    """Return a password typed twice at the terminal, or the first line of stdin."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"{text(language(), 'account-ask-password')}: ")
    if getpass.getpass(f"{text(language(), 'account-ask-password-again')}: ") != first:
        raise Refused("the passwords differ", "account-password-differs")
    return first


def _print_password(password: str | None) -> None:
    if password is not None:
        message = text(language(), "account-first-password", password=password)
        sys.stdout.write(f"{message}\n")


Scopes = Annotated[list[Scope], typer.Option("--scope", help="Scope; can be repeated.")]
Label = Annotated[str, typer.Option(help="Name of the key.")]
Days = Annotated[
    int | None, typer.Option(min=1, max=3650, help="Days until it expires.")
]


@app.command()
def key(
    user: UserId,
    scope: Scopes,
    label: Label = "merlin users key",
    days: Days = None,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Create an API key for a person; its secret is shown only once."""
    with write_context(config, makes_key=True) as (ctx, actor):
        new_key = users.give_key(ctx, actor, user, label, scope, days)
    scopes = sorted(new_key.scopes)
    if json:
        values = {"user": user, "key": new_key.id, "scopes": scopes}
        print_json(
            {**values, "expires_at": new_key.expires_at, "secret": new_key.secret}
        )
        return
    number = str(new_key.id)
    print_message(
        "account-did-key", user=str(user), number=number, scopes=", ".join(scopes)
    )
    sys.stdout.write(f"{new_key.secret}\n")
