"""`merlin approvals`: list, approve and decline the dangerous actions that need a second admin."""

from typing import Annotated, Any

import typer

from merlin.app import approvals
from merlin.app.approvals import ApprovalView
from merlin.cli import language
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    print_result,
    read_context,
    write_context,
)
from merlin.cli.output import print_list
from merlin.core.i18n import render_stored_text
from merlin.db.audit import person_reference

app = typer.Typer(
    name="approvals", no_args_is_help=True, help="Actions that need a second admin's approval."
)
Number = Annotated[int, typer.Argument(min=1, help="Number of the request.")]


@app.command("list")
def list_approvals(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List pending entries, oldest first."""
    with read_context(config) as (ctx, actor):
        records = [_record(approval) for approval in approvals.list_waiting(ctx, actor)]
    print_list(records, "number what subject by until", json=json, prefix="approvals-col")


@app.command()
def approve(number: Number, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Approve an action; it starts immediately, in the name of the person who requested it."""
    with write_context(config, makes_key=True) as (ctx, actor):
        view = approvals.approve(ctx, actor, number)
    if view.reason is not None:
        raise view.reason
    print_result(_record(view), "approval-result-approved", json=json)


@app.command()
def decline(number: Number, config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Decline an action, and notify the person who requested it."""
    with write_context(config, makes_key=True) as (ctx, actor):
        view = approvals.decline(ctx, actor, number)
    print_result(_record(view), "approval-result-declined", json=json)


def _record(view: ApprovalView) -> dict[str, Any]:
    approval = view.approval
    return {
        "number": approval.number,
        "act": approval.act,
        "what": render_stored_text(
            language(), f"approval-act-{approval.act}", approval.text_arguments
        ),
        "subject": approval.subject,
        "by": person_reference(approval.asked_by),
        "at": approval.asked_at,
        "until": approval.expires_at,
        "state": approval.state.value,
    }
