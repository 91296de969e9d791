"""`merlin recover`: fill an empty database from the repository, its notes and the providers."""

from __future__ import annotations

import typer

from merlin.cli.daemon_requests import at_work
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration
from merlin.cli.output import print_json, print_list, print_message, record, show_progress
from merlin.core.errors import Refused
from merlin.db.processes import Lead
from merlin.wiring.context import opened

app = typer.Typer()


@app.command()
def recover(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Fill an empty database from the repository, its notes and the providers' jobs."""
    from merlin.daemon import recovery

    settings = configuration(config)
    lead = Lead(settings.state_dir, settings.database)
    if not lead.take():
        raise Refused("the daemon is running", "recover-daemon")
    with (
        lead,
        opened(settings) as database,
        at_work(settings, database, None, needs_provider=True, is_launching=False) as services,
        show_progress("recover-progress") as advance,
    ):
        found = recovery.recover(services, advance)
    if json:
        print_json([record(each) for each in found])
        return
    rows = [record(each) for each in found]
    columns = "dataset builds jobs models serving pinned=is_pinned"
    print_list(rows, columns, json=False)
    for key in ("differing", "lost"):
        if names := [name for each in found for name in getattr(each, key)]:
            print_message(f"recover-{key}", count=len(names), names=", ".join(names))
    print_message("recover-done" if found else "recover-nothing")
