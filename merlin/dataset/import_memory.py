"""imports.yaml: what the fields of a dataset's imported files mean, so that it is asked once.

    faq:
      parts: {question: Вопрос, answer: Ответ, id: Код}
      only:
        Проверено: {take: [да], leave: [нет]}
      leave: [Комментарий]

What is remembered under a name fits a file that has all its fields, and needs no other answer. A
new field of such a file is asked about, and a value of a field of `only` that is in neither list.
"""

from collections import Counter
from collections.abc import (
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from itertools import chain
from pathlib import PurePath
from typing import Any

import yaml

from merlin.core.errors import Refused
from merlin.core.names import is_valid_name, suggest_name
from merlin.core.table_cells import plain_name
from merlin.dataset.changes import Edit
from merlin.dataset.entries import FileText
from merlin.dataset.example_rewording import set_lines
from merlin.dataset.finding import Severity, shorten
from merlin.dataset.import_fields import (
    FEW,
    NO_CHOICES,
    FieldChoices,
    FieldQuestion,
    list_questions,
    plain_value,
)
from merlin.dataset.import_known import find_origin, list_ids
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.layout import IMPORTS_FILE, NameAllocator
from merlin.dataset.spec import read_imports

ReadFiles = Callable[[FieldChoices], Iterable[ImportedLine]]


def _read_entry(name: str, value: Mapping[str, Any]) -> FieldChoices:
    only = value.get("only", {})
    return FieldChoices(
        value.get("parts", {}),
        {field: tuple(each["take"]) for field, each in only.items()},
        tuple(value.get("leave", ())),
        {
            field: tuple(each["leave"])
            for field, each in only.items()
            if "leave" in each
        },
        name,
        remembered=True,
    )


def _write_entry(choices: FieldChoices) -> dict[str, Any]:
    only = {
        field: {
            "take": [*taken],
            **({"leave": [*choices.others[field]]} if field in choices.others else {}),
        }
        for field, taken in choices.only.items()
    }
    value = {"parts": {**choices.parts}, "only": only, "leave": [*choices.leave]}
    return {key: each for key, each in value.items() if each}


def find_imports(
    files: Iterable[FileText],
) -> tuple[FileText | None, dict[str, FieldChoices]]:
    """Return imports.yaml of a dataset's files, and what it says by name.

    Raises Refused if it is broken.
    """
    file = next((each for each in files if each.path == IMPORTS_FILE), None)
    content = (file.text or "\0").encode("utf-8", "surrogatepass") if file else None
    value, findings = read_imports(content)
    for first in (each for each in findings if each.severity is Severity.ERROR):
        reason = {"key": f"finding-{first.rule}", "arguments": first.arguments}
        raise Refused(
            "imports.yaml is broken", "imports-broken", line=first.line, reason=reason
        )
    return file, {name: _read_entry(name, each) for name, each in value.items()}


# The records of an import, and the choices that they were read with.
Recalled = tuple[list[ImportedLine], FieldChoices]
# Yields choices, gets the records that are read with them, and returns the recalled ones.
Recalling = Generator[FieldChoices, Sequence[ImportedLine], Recalled]


def recall_choices(
    files: Sequence[FileText], read: ReadFiles, given: FieldChoices
) -> Recalled:
    """Return what `begin_recalling` comes to with the records that `read` returns."""
    recalling = begin_recalling(files, given)
    asked, found = next(recalling), None
    while found is None:
        asked, found = go_on_recalling(recalling, [*read(asked)])
    return found


def go_on_recalling(
    recalling: Recalling, lines: Sequence[ImportedLine]
) -> tuple[FieldChoices, Recalled | None]:
    """Give the records; return the choices that are asked for next, and the result at the end."""
    try:
        return recalling.send(lines), None
    except StopIteration as end:
        return NO_CHOICES, end.value


def begin_recalling(files: Sequence[FileText], given: FieldChoices) -> Recalling:
    """Ask for the records of an import by choices, and return them with those that fit.

    These are the given ones, completed by those that the dataset remembers for such a file: under
    the given name, else those that fit, of several the ones with most fields. Raises Refused for a
    field that was given and is not there, for what is no name, and if imports.yaml is broken.
    """
    if given.name and not is_valid_name(given.name):
        arguments = {"name": shorten(given.name), "proposed": suggest_name(given.name)}
        raise Refused(given.name, "import-bad-name", **arguments)
    _, stored = find_imports(files)
    lines = [*(yield given)]
    fitting = None
    for earlier in _list_candidates(stored, lines, given):
        choices = replace(given.complete(earlier), name=earlier.name, remembered=True)
        again = [*(yield choices)]
        if find_missing(again, choices.fields):
            continue
        fitting = fitting or (again, choices)
        if not [*ask(again, choices)]:
            return again, choices
    if fitting:
        return fitting
    needed = [*given.parts.values(), *given.only]
    if given.name in stored and not given.fields:
        needed = [*stored[given.name].fields]
    # A column without a name is chosen by its number.
    missing = [each for each in find_missing(lines, needed) if not each.isdecimal()]
    found = dict.fromkeys(chain.from_iterable(line.names for line in lines))
    if missing and found:
        raise Refused(
            "no such field",
            "import-no-field",
            fields=shorten(", ".join(missing), 200),
            found=shorten(", ".join(found), 300),
        )
    _require_values(lines, given)
    if given.name:
        return lines, given
    guessed = find_origin(files, {*list_ids(lines, given)} - {""}, but=stored)
    name = guessed or _propose_name(stored, lines)
    return lines, replace(given, name=name, is_guessed=bool(guessed))


def _require_values(lines: Iterable[ImportedLine], given: FieldChoices) -> None:
    """Raise Refused for a field of which no record has a value that is to be taken."""
    fields = [*chain.from_iterable(line.fields for line in lines)]
    for name, taken in given.only.items():
        found = dict.fromkeys(
            value for each, value in fields if plain_name(each) == plain_name(name)
        )
        known = {"", *map(plain_value, found)}
        if found and taken and known.isdisjoint(map(plain_value, taken)):
            raise Refused(
                f"no {name} of {taken}",
                "import-no-such-value",
                field=shorten(name),
                values=shorten(", ".join(taken), 200),
                found=shorten(", ".join(found), 300),
            )


def _list_candidates(
    stored: Mapping[str, FieldChoices],
    lines: Sequence[ImportedLine],
    given: FieldChoices,
) -> list[FieldChoices]:
    """Return what may fit, with most fields first: before it is known, a file can be unreadable."""
    if given.name:
        return [stored[given.name]] if given.name in stored else []
    is_read = any(line.example for line in lines)
    fits = [
        each
        for each in stored.values()
        if not (is_read and find_missing(lines, each.fields))
    ]
    return sorted(fits, key=lambda each: -len(each.fields))


def find_missing(lines: Iterable[ImportedLine], fields: Iterable[str]) -> list[str]:
    """Return which fields no record has."""
    there = {
        plain_name(name)
        for line in lines
        for name in (*line.names, *(name for name, _ in line.fields))
    }
    return [name for name in fields if plain_name(name) not in there]


def ask(
    lines: Iterable[ImportedLine], choices: FieldChoices
) -> Iterator[FieldQuestion]:
    """Yield what has to be asked of the fields of those records that are taken."""
    return list_questions(
        (
            (line.file, line.fields)
            for line in lines
            if line.example and choices.takes(line.fields)
        ),
        choices,
    )


def _propose_name(
    stored: Mapping[str, FieldChoices], lines: Sequence[ImportedLine]
) -> str:
    """Return an unused name that is the first file's, without its ending."""
    file = PurePath(lines[0].file if lines else "").stem
    return NameAllocator(stored).allocate(file if file.strip("-") else "import")


def remember(
    files: Iterable[FileText], lines: Iterable[ImportedLine], choices: FieldChoices
) -> list[Edit]:
    """Return the edit that stores choices under their name; none if nothing was said, or is new.

    Values of a field of `only` that were not taken are stored as left out, if they are few.
    Comments of others, and those between its keys, stay.
    """
    if not choices.name or not choices.fields:
        return []
    file, stored = find_imports(files)
    earlier = stored.get(choices.name, FieldChoices())
    others = {
        name: _list_others(name, lines, choices, earlier) for name in choices.only
    }
    others = {
        name: values
        for name, values in others.items()
        if len(values) <= FEW and (name in earlier.others or name not in earlier.only)
    }
    entry = _write_entry(replace(choices, others=others))
    old = _write_entry(earlier)
    if entry == old:
        return []
    text = (file.text or "") if file else ""
    for key in {**old, **entry} if old else ():
        if entry.get(key) != old.get(key):
            inner = _dump({choices.name: {key: entry[key]}})[1:] if key in entry else []
            text = set_lines(text, (choices.name, key), inner)
    # It is new, or stands in brackets.
    if (
        read_imports(text.encode("utf-8", "surrogatepass"))[0].get(choices.name)
        != entry
    ):
        before = (file.text or "") if file else ""
        text = set_lines(before, (choices.name,), _dump({choices.name: entry}))
    return [Edit(IMPORTS_FILE, file.blob if file else None, text.lstrip("\n"))]


def _list_others(
    name: str,
    lines: Iterable[ImportedLine],
    choices: FieldChoices,
    earlier: FieldChoices,
) -> tuple[str, ...]:
    """Return the values of a field that are left out: those known, and those seen."""
    seen = Counter(
        value.strip()
        for line in lines
        for field, value in line.fields
        if plain_name(field) == plain_name(name)
    )
    known = (*earlier.only.get(name, ()), *earlier.others.get(name, ()), *seen)
    taken = {plain_value(value) for value in choices.only[name]}
    unlike = {plain_value(value): value for value in reversed(known)}
    return tuple(
        value for plain, value in reversed(unlike.items()) if plain not in taken
    )


def _dump(value: Mapping[str, Any]) -> list[str]:
    written: str = yaml.safe_dump(
        value, allow_unicode=True, sort_keys=False, default_flow_style=None, width=10**6
    )
    return written.rstrip("\n").split("\n")
