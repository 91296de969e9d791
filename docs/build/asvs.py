"""What Merlin does of OWASP ASVS 5.0, levels 1 and 2: made from `docs/build/asvs.yaml` alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

LEVELS = ("l1", "l2")
_CHAPTERS = Path(__file__).with_name("asvs.yaml")
_COLUMNS = {
    "en": ("requirements", "state", "what Merlin does", "shown by"),
    "ru": ("требования", "состояние", "что сделано", "чем показано"),
}
_STATES = {
    "tested": {"en": "tested", "ru": "проверено"},
    "written": {"en": "documented", "ru": "описано"},
    "operator": {"en": "up to the operator", "ru": "решает оператор"},
    "none": {"en": "does not apply", "ru": "неприменимо"},
    "missing": {"en": "not met", "ru": "не выполнено"},
}
_LEVEL = {"en": "level", "ru": "уровень"}


def chapters() -> list[Mapping[str, Any]]:
    """Return the chapters with their rows, as they stand in the file."""
    found: list[Mapping[str, Any]] = yaml.safe_load(_CHAPTERS.read_text("utf-8"))
    return found


def state_of(row: Mapping[str, Any]) -> str:
    """Return one of the states: what proves a row, else what is said of it."""
    return (
        "tested"
        if "tests" in row
        else "written"
        if "page" in row
        else str(row["state"])
    )


def requirements(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (level, number) of each requirement that a row answers."""
    return [
        (level, each) for level in LEVELS for each in str(row.get(level, "")).split()
    ]


def asvs_told(language: str) -> str:
    """Return how many requirements are met, then a table for each chapter."""
    count: Counter[tuple[str, str]] = Counter()
    parts: list[str] = []
    for chapter in chapters():
        parts += [
            "",
            f"### {chapter['id']} {chapter[language]}",
            "",
            *_head(_COLUMNS[language]),
        ]
        for row in chapter["rows"]:
            count.update((state_of(row), level) for level, _ in requirements(row))
            parts.append(_line(_cells(row, language)))
    heading = (
        _COLUMNS[language][1],
        *(f"{_LEVEL[language]} {level[1]}" for level in LEVELS),
    )
    sums = [
        _line((words[language], *(str(count[state, level]) for level in LEVELS)))
        for state, words in _STATES.items()
    ]
    return "\n".join([*_head(heading), *sums, *parts])


def _cells(row: Mapping[str, Any], language: str) -> Iterator[str]:
    yield ", ".join(number for _, number in requirements(row))
    yield _STATES[state_of(row)][language]
    yield str(row[language])
    if page := row.get("page"):
        yield f"[{Path(page).stem}]({page})"
    else:
        yield ", ".join(f"`tests/{each}`" for each in row.get("tests", ())) or "–"


def _head(cells: tuple[str, ...]) -> list[str]:
    return [_line(cells), _line(("---",) * len(cells))]


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
