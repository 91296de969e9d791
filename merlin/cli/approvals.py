"""`merlin approvals`: dangerous acts that wait for a second person, decided on the machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from merlin.app import approvals
from merlin.app.approvals import ApprovalView
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, changing, print_result, reading
from merlin.cli.output import print_list
from merlin.core.i18n import stored_text
from merlin.db.audit import person_reference

app = typer.Typer(
    name="approvals", no_args_is_help=True, help="Actions that wait for a second admin."
)
Number = Annotated[int, typer.Argument(min=1, help="The number of the request.")]


@app.command("list")
def list_approvals(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List what waits, oldest first."""
    with reading(config) as (ctx, actor):
        found = [_record(each) for each in approvals.list_waiting(ctx, actor)]
    print_list(found, "number what subject by until", json=json, prefix="approvals-col")


@app.command()
def approve(number: Number, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Approve an action; it starts right away, in the name of who asked."""
    with changing(config, makes_key=True) as (ctx, actor):
        done = approvals.approve(ctx, actor, number)
    if done.reason is not None:
        raise done.reason
    print_result(_record(done), "approval-said-approved", json=json)


@app.command()
def decline(number: Number, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Decline an action; who asked is told."""
    with changing(config, makes_key=True) as (ctx, actor):
        done = approvals.decline(ctx, actor, number)
    print_result(_record(done), "approval-said-declined", json=json)


def _record(each: ApprovalView) -> dict[str, Any]:
    found = each.approval
    return {
        "number": found.number,
        "act": found.act,
        "what": stored_text(language(), f"approval-act-{found.act}", found.told),
        "text": each.text,
        "subject": found.subject,
        "by": person_reference(found.asked_by),
        "at": found.asked_at,
        "until": found.expires_at,
        "state": found.state.value,
    }
