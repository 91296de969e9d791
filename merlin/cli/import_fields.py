"""`--map`, `--only`, `--leave` of `merlin import` and `init`: what the fields of a file mean."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import typer

from merlin.core.errors import ConfigError, Refused
from merlin.core.table_cells import REQUIRED_COLUMNS
from merlin.dataset.finding import Finding
from merlin.dataset.import_fields import CHOSEN_PARTS, FieldChoices, FieldQuestion
from merlin.dataset.import_plan import ImportPlan

Columns = Annotated[
    tuple[str, str],
    typer.Option(
        "--columns", metavar="QUESTION ANSWER", help="Names of a table's columns."
    ),
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="PART=FIELD",
        help=f"The field that is one of: {', '.join(CHOSEN_PARTS)}.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="FIELD=VALUE",
        help="Take only records with this value of a field; several values add up.",
    ),
]
Leave = Annotated[
    list[str] | None,
    typer.Option(
        "--leave", metavar="FIELD", help="A field that means nothing for an example."
    ),
]
Name = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="NAME",
        help="The name under which the dataset remembers what the fields mean.",
    ),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Import the good lines; report the others.")
]


def read_choices(
    columns: tuple[str, str],
    maps: Sequence[str],
    only: Sequence[str],
    leave: Sequence[str],
    name: str = "",
) -> FieldChoices:
    """Return what the options say; `columns` are those of question and answer, "" for none.

    It is remembered under `name`, "" for that of the file.

    Raises ConfigError for an option without "=", and a part that no example has.
    """
    parts = (
        dict(zip(("question", "answer"), columns, strict=True)) if all(columns) else {}
    )
    for part, field in _split("--map", maps):
        if part not in CHOSEN_PARTS:
            arguments = {"part": part, "parts": ", ".join(CHOSEN_PARTS)}
            raise ConfigError(f"--map {part}", "import-no-part", **arguments)
        parts[part] = field
    taken: dict[str, list[str]] = {}
    for field, value in _split("--only", only):
        taken.setdefault(field, []).append(value)
    values = {field: tuple(each) for field, each in taken.items()}
    return FieldChoices(parts, values, tuple(leave), name=name)


def _split(option: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    for written in values:
        name, sign, value = written.partition("=")
        if not (sign and name.strip() and (value.strip() or option == "--only")):
            arguments = {"option": option, "written": written}
            raise ConfigError(f"{option} {written}", "import-no-value", **arguments)
        yield name.strip(), value.strip()


def ask_fields(questions: Sequence[FieldQuestion]) -> Refused:
    """Return the error that asks what fields mean, with options that answer it safely."""
    options = dict.fromkeys(
        option for question in questions for option in _propose(question)
    )
    return Refused(
        "fields without a meaning",
        "import-asks",
        count=len({question.name for question in questions}),
        options=" ".join(options),
    )


def require_answers(plan: ImportPlan, *, skip_bad: bool) -> None:
    """Raise Refused for fields that mean nothing yet, and for lines with errors.

    With `skip_bad` these are left out, if anything is left to take.
    """
    if plan.questions:
        raise ask_fields(plan.questions)
    has_some = plan.committed or plan.duplicates or plan.held
    if plan.rejected and not (skip_bad and has_some):
        for finding in plan.findings:
            if {*REQUIRED_COLUMNS} <= finding.arguments.keys():
                raise _ask_columns(finding)
        raise Refused(
            "findings",
            "import-has-errors",
            rejected=plan.rejected,
            lines=plan.lines,
        )


def _ask_columns(finding: Finding) -> Refused:
    """Return the error that asks for the columns of a table, with those that are proposed."""
    proposed = [str(finding.arguments[part]) for part in REQUIRED_COLUMNS]
    names = ["QUESTION", "ANSWER"] if "none" in proposed else map(shlex.quote, proposed)
    options = " ".join(["--columns", *names])
    return Refused("columns without names", "import-columns", options=options)


def _propose(question: FieldQuestion) -> Iterator[str]:
    if question.kind == "many":
        yield f"--leave {shlex.quote(question.name)}"
    for value in question.proposed or (("…",) if question.kind == "few" else ()):
        yield f"--only {shlex.quote(f'{question.name}={value}')}"
