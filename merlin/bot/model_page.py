"""Model page: tuned models and their scores as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merlin.core.text import text
from merlin.model.evaluate import Overlap
from merlin.model.registry import ModelState


def state_word(model: Mapping[str, Any], language: str) -> str:
    """Return in a word where a model stands."""
    serves = model["serves"] and model["state"] == ModelState.GOOD
    return text(language, f"model-{'serves' if serves else model['state']}")


def is_promotable(model: Mapping[str, Any]) -> bool:
    """Return whether a model may be let serve."""
    return model["state"] == ModelState.GOOD and not model["serves"]


def evaluation_words(scores: Mapping[str, Any] | None, language: str) -> str:
    """Return a model's scores as a sentence."""
    if not scores or not scores["questions"]:
        return text(language, "bot-info-not-evaluated")
    return text(language, "bot-info-evaluation", questions=scores["questions"], **_figures(scores))


def _figures(scores: Mapping[str, Any]) -> dict[str, str]:
    return {
        "chrf": f"{scores['chrf']:.1f}",
        "equal": f"{scores['equal_share'] * 100:.0f}",
        "unknown": f"{scores['unknown_share'] * 100:.0f}",
    }


def compared(
    one: Mapping[str, Any], other: Mapping[str, Any], asked: Overlap, language: str
) -> str:
    """Return two models side by side, in columns of even width.

    Scores on different questions are left out: side by side they say nothing.
    """
    both = [_column(each, is_comparable=asked.is_same) for each in (one, other)]
    names = ["", *(text(language, f"admin-score-{name}") for name in both[0] if name != "build")]
    cells = [[column[name] for column in both] for name in both[0]]
    return _columns([[name, *row] for name, row in zip(names, cells, strict=True)])


def _column(model: Mapping[str, Any], *, is_comparable: bool) -> dict[str, str]:
    scores = model["evaluation"]
    was_asked = bool(scores and scores["questions"])
    questions = str(scores["questions"]) if was_asked else "–"
    column = {"build": str(model["build"]), "questions": questions}
    if not is_comparable:
        return column
    figures = _figures(scores) if was_asked else dict.fromkeys(("chrf", "equal", "unknown"), "–")
    return column | figures


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
