"""`merlin migrate`: train a dataset's newest build on another provider or base model."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from merlin.app import changes, jobs
from merlin.cli import language
from merlin.cli.daemon_requests import EditSession, ask
from merlin.cli.examples import Shown, commit, open_editing
from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    Yes,
    configuration,
    print_result,
    reading,
    require_yes,
)
from merlin.cli.output import print_json, print_message, record
from merlin.core.errors import Refused
from merlin.core.i18n import text
from merlin.core.money import format_cost
from merlin.dataset.changes import Edit
from merlin.dataset.layout import DATASET_FILE
from merlin.training.launch_plan import name_base, parse_base

app = typer.Typer()


@app.command()
def migrate(
    dataset: Annotated[str, typer.Argument(help="The dataset whose newest build is trained.")],
    to: Annotated[str, typer.Option(metavar="PROVIDER/BASE", help="Where it is trained.")],
    commits: Annotated[
        bool, typer.Option("--commit", help="Commit the new base into dataset.yaml too.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the price and what stands in the way; train nothing."),
    ] = False,
    yes: Yes = False,
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Train the newest build on another base model; it is tested and made live as any other."""
    base = parse_base(to)
    with reading(config, dataset) as (ctx, actor):
        quote = jobs.quote(ctx, actor, dataset, language(), base)
    price = text(language(), "asking-price-unknown")
    if quote.cost_micro is not None:
        price = format_cost(language(), quote.cost_micro, quote.currency)
    if dry_run and json:
        print_json(record(quote))
        return
    told = {name: getattr(quote, name) for name in ("build", "provider", "base_model", "examples")}
    print_message("migrate-price", **told, price=price)
    if quote.refusal:
        raise Refused(quote.refusal)
    if dry_run:
        return
    require_yes("migrate-sure", "migrate-not-sure", is_given=yes or quote.cost_micro == 0)
    act = partial(jobs.migrate, dataset=dataset, base=base, build=quote.build)
    result = dict(ask(configuration(config), act, print_message))
    if commits:
        with open_editing(config) as session:
            result |= _commit(session, dataset, base)
    print_result(result, "did-launch", json=json)
    if not commits:
        print_message("migrate-next", dataset=dataset, provider=base[0], base_model=base[1])


def _commit(session: EditSession, dataset: str, base: tuple[str, str]) -> Shown:
    """Commit dataset.yaml with the new base; return what came of it."""
    file = changes.read_files(session.ctx, session.actor, dataset).file(DATASET_FILE)
    text = name_base(file.text, base) if file is not None and file.text else None
    if file is None or text is None:
        told = {"dataset": dataset, "provider": base[0], "base_model": base[1]}
        raise Refused("dataset.yaml is edited by hand", "migrate-next", **told)
    edits = [Edit(DATASET_FILE, file.blob, text)]
    return commit(session, dataset, edits, f"Train on {'/'.join(base)}", is_waiting=True)
