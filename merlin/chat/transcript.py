"""Transcript: one session as a file that people can read and programs too."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from merlin.chat.session import Session
from merlin.core.clock import iso

# The format of a turn that holds no words but what summing up has cost.
SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Passage:
    """One question with its answer, "" where none came; who answered, and what it cost."""

    at: datetime
    question: str
    answer: str
    format: str = "text"
    provider: str = ""
    model_id: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro: int = 0
    currency: str = ""


class Transcripts(Protocol):
    """Where all that was said is read."""

    def passages(self, session_id: int) -> Sequence[Passage]:
        """Return every turn of a session that counts, oldest first."""


def markdown(
    session: Session, passages: Sequence[Passage], asker: str, when: Callable[[datetime], str]
) -> str:
    """Return the session as Markdown; `asker` is what the person is called in it."""
    said = [f"# {session.title}"]
    if session.summary:
        said.append("\n".join(f"> {line}" for line in session.summary.splitlines()))
    for each in passages:
        said += [f"## {asker} · {when(each.at)}", each.question]
        if each.answer:
            said += [f"**{each.model_id or 'Merlin'}**", each.answer]
    return "\n\n".join(said) + "\n"


def as_json(session: Session, passages: Sequence[Passage]) -> str:
    """Return the session as JSON, times as ISO 8601 in UTC, costs in millionths."""
    told = {
        "title": session.title,
        "dataset": session.dataset,
        "preset": session.preset,
        "system": session.system,
        "summary": session.summary,
        "turns": [_turn(each) for each in passages],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _turn(passage: Passage) -> dict[str, object]:
    return {
        "asked_at": iso(passage.at),
        "format": passage.format,
        "question": passage.question,
        "answer": passage.answer,
        "provider": passage.provider,
        "model": passage.model_id,
        "input_tokens": passage.input_tokens,
        "output_tokens": passage.output_tokens,
        "cost_micro": passage.cost_micro,
        "currency": passage.currency,
    }
