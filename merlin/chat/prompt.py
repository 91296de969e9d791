"""Prompt: what a message comes down to for a model: words, perhaps documents and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from merlin.chat.document import wrapped
from merlin.chat.reply import Reply
from merlin.chat.route import General
from merlin.core.message import Image


@dataclass(frozen=True, slots=True)
class Paper:
    """The text of one file that a question is about."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question as the model gets it.

    `text` is kept as the question of the turn; `images` go to the model but are not kept.
    `format` is text, voice, photo or document: what a plan counts. `model` answers instead of the
    session's own where that cannot (pictures); None leaves it to the session. `papers` are not part
    of the text yet. `note` is told under the answer; `spent` are replies of models that it took to
    make the prompt: they cost too.
    """

    text: str
    format: str = "text"
    images: tuple[Image, ...] = ()
    model: General | None = None
    papers: tuple[Paper, ...] = ()
    note: str = ""
    spent: tuple[Reply, ...] = ()


def folded(prompt: Prompt, papers: Sequence[Paper] | None = None) -> Prompt:
    """Return the prompt with its papers (or these in their place) as a part of its text."""
    shown = [wrapped(paper.text, paper.name) for paper in papers or prompt.papers]
    return replace(prompt, text="\n\n".join(filter(None, [prompt.text, *shown])), papers=())
