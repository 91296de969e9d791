"""`merlin status|health|doctor`: how Merlin does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merlin.cli import sentence
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration, reading
from merlin.cli.output import print_json, print_message, print_table, record, translate_word

if TYPE_CHECKING:
    from merlin.app.status import DatasetStatus, Status
    from merlin.wiring.doctor import Examined


SHORT = 7  # of a commit's id, as git shows it: the table fits into 80 columns


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (status, health, doctor):
        app.command()(verb)


def status(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Show each dataset's newest commit and serving model, what waits, and who is alive."""
    from merlin.app.status import status as read
    from merlin.wiring.reading import surroundings

    with reading(config) as (ctx, actor):
        found = read(ctx, actor)
    told = surroundings(configuration(config))
    if json:
        print_json({**status_record(found), **told})
        return
    names = ("dataset", "commit", "verdict", "build", "serving", "job")
    rows = [_row(name, dataset) for name, dataset in found.datasets.items()]
    print_table([f"col-{name}" for name in names], rows)
    alive = [name for name, beat in told["processes"].items() if beat["alive"]]
    queues = ", ".join(
        f"{translate_word('queue', name)} {count}" for name, count in found.queues.items()
    )
    print_message("status-line", alive=", ".join(sorted(alive)) or "–", queues=queues)
    stored = told["stored"]
    print_message(
        "status-stored",
        builds=stored["builds"]["count"],
        megabytes=_megabytes(stored["builds"]["bytes"]),
        mirror=_megabytes(stored["mirror"]["bytes"]),
        old=stored["builds"]["to_remove"],
        files=stored["files"]["to_remove"],
        models=stored["models"]["to_remove"],
    )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f}"


def status_record(found: Status) -> dict[str, Any]:
    """Return how the pipeline stands, as programs read it."""
    datasets = {name: _dataset(each) for name, each in found.datasets.items()}
    return {"datasets": datasets, "queues": dict(found.queues)}


def _dataset(told: DatasetStatus) -> dict[str, Any]:
    verdict: dict[str, Any] = {"commit": None, "build": None, "verdict": None}
    if told.verdict:
        verdict = record(told.verdict, id="", served_until="", findings="")
    return {
        **verdict,
        "serving": record(told.serving) if told.serving else None,
        "job": record(told.job, id="job") if told.job else None,
    }


def _row(name: str, told: DatasetStatus) -> list[object]:
    verdict, serving = told.verdict, told.serving.build if told.serving else ""
    job = f"{told.job.id} {translate_word('job', told.job.state)}" if told.job else ""
    if verdict is None:
        return [name, "", "", None, serving, job]
    said = translate_word("word", verdict.verdict)
    return [name, verdict.commit[:SHORT], said, verdict.build, serving, job]


def health(
    process: Annotated[str, typer.Argument(help="daemon, bot, api or engine.")],
    config: ConfigPath = DEFAULT,
) -> None:
    """Say whether a process is well: exit 0, or 1 with the reason."""
    from merlin.wiring.health import illness

    reason = illness(configuration(config), process)
    if reason is None:
        print_message("health-good", process=process)
        return
    told = sentence(reason.key, reason.arguments)
    print_message("health-bad", process=process, reason=told)
    sys.exit(1)


def doctor(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """Look at everything that Merlin needs: configuration, credentials, places, services."""
    from merlin.wiring.doctor import examine

    found = [(each, sentence(each.key, each.arguments)) for each in examine(configuration(config))]
    if json:
        print_json([{"what": one.what, "good": one.is_good, "detail": told} for one, told in found])
    else:
        lines = [[_mark(one), one.what, told] for one, told in found]
        print_table(["col-good", "col-what", "col-detail"], lines)
    if not all(one.is_good for one, _ in found):
        sys.exit(1)
    if any(one.is_idle for one, _ in found):
        print_message("doctor-start")


def _mark(found: Examined) -> str:
    if found.is_idle:
        return "–"
    return "✔" if found.is_good else "✘"
