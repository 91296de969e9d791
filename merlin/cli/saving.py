"""From edits to a commit, at the command line: preview, findings, commit, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from merlin.cli import language
from merlin.cli.loading import configuration
from merlin.cli.output import as_json, say
from merlin.core.errors import Refused

if TYPE_CHECKING:
    from merlin.dataset.change import Edit
    from merlin.dataset.finding import Finding
    from merlin.dataset.preview import Preview
    from merlin.job.forecast import Forecast
    from merlin.wiring.editing import EditDesk

Shown = dict[str, object]


@contextmanager
def desk_of(path: Path) -> Iterator[EditDesk]:
    """Yield the desk of the configuration at `path`, after a fetch."""
    from merlin.wiring.editing import editing

    with editing(configuration(path), say) as desk:
        yield desk


def save(
    desk: EditDesk,
    dataset: str,
    edits: Sequence[Edit],
    *,
    is_waiting: bool,
    json: bool,
) -> Shown:
    """Check the edits against their dataset, commit them, and return what came of it.

    Findings are told on the way. Raises Refused where one is an error; for programs they are
    shown before.
    """
    seen = desk.preview(dataset, {each.path: each.text for each in edits})
    tell_findings(seen.findings)
    tell_findings(seen.around)
    told = of_preview(desk, seen)  # before the commit: afterwards the newest build has it
    if not seen.is_good:
        if json:
            as_json({"dataset": dataset, "commit": None, **told})
        raise Refused("findings", "change-not-good", dataset=dataset)
    return commit(desk, dataset, edits, "", is_waiting=is_waiting) | told


def commit(
    desk: EditDesk, dataset: str, edits: Sequence[Edit], subject: str, *, is_waiting: bool
) -> Shown:
    """Commit the edits as they are and return what came of it, as far as is waited for."""
    from merlin.cli.identity import identity

    change_id = desk.commit(dataset, edits, subject, identity())
    return outcome(desk, change_id, is_waiting=is_waiting)


def outcome(desk: EditDesk, change_id: str, *, is_waiting: bool) -> Shown:
    """Return what came of an edit that was asked for, as far as is waited for."""
    if not is_waiting:
        say("change-asked-only", change=change_id)
    change = desk.wait(change_id) if is_waiting else desk.changes.get(change_id)
    batch = desk.changes.of_batch(change.batch)
    return {
        "change": change_id,
        "dataset": change.dataset,
        "paths": [each.path.removeprefix(f"{change.dataset}/") for each in batch],
        "state": change.state.value,
        "commit": change.commit,
        "subject": change.subject,
    }


def of_preview(desk: EditDesk, seen: Preview) -> Shown:
    """Return tokens, price and findings of a preview for programs."""
    from dataclasses import asdict

    return {
        "tokens": sum(seen.tokens.values()),
        "next_training": _shown_forecast(
            desk.forecast(seen.spec.name, seen) if seen.spec else None
        ),
        "findings": [
            {**asdict(each), "message": each.text(language())}
            for each in (*seen.findings, *seen.around)
        ],
    }


def _shown_forecast(told: Forecast | None) -> Shown | None:
    from dataclasses import asdict

    return asdict(told) if told else None


def tell_findings(findings: Iterable[Finding]) -> None:
    """Say findings on stderr, a line each."""
    for each in findings:
        place = f"{each.path}:{each.line}:{each.column}"
        words = each.text(language())
        sys.stderr.write(f"{place}: {each.severity} {each.rule}: {words}\n")


def tell_commit(told: Mapping[str, object]) -> None:
    """Say which commit was made; nothing where it is still waited for."""
    if told.get("commit"):
        sys.stdout.write(f"{str(told['commit'])[:10]}  {told['subject']}\n")


def show(told: Mapping[str, object], *, json: bool) -> None:
    """Show what came of an edit."""
    from merlin.core import money

    if json:
        as_json(told)
        return
    tell_commit(told)
    training = told.get("next_training")
    if isinstance(training, Mapping):
        about = {"tokens": told["tokens"], "examples": training["examples"]}
        if training["cost_micro"] is None:
            say("did-change", **about)
        else:
            cost = int(training["cost_micro"])
            price = money.told(language(), cost, str(training["currency"]))
            say("did-change-price", **about, price=price)
