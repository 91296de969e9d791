"""Asking the demo's bot as a person does, and judging what it said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.sandbox.demo.actors import messages, say, wait_for
from merlin.sandbox.demo.place import Place
from merlin.sandbox.demo.story import Story
from merlin.store.told import ToldTurns
from merlin.wiring.database import reading

ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the check: what came back, from which model, after how long."""

    question: str
    answer: str
    model: str
    seconds: float

    def shown(self) -> Mapping[str, object]:
        """Return it as the last line of the check has it."""
        return {**asdict(self), "seconds": round(self.seconds, 2)}


class Wrong(MerlinError):
    """The demo did not do what it shows."""


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks in the name of one of the stand-in's people, and tells it."""

    place: Place
    config: Config
    story: Story
    person: str = "anna"

    def ask(self, question: str) -> Asked:
        """Ask, and wait for the whole answer. Raises MerlinError when none comes."""
        self.story.say("demo-asks", person=self.person, question=question)
        begun = time.monotonic()
        update_id = self.say(question)
        model = wait_for(lambda: self._model(update_id), "answer", ANSWER_S)
        said = [str(one["message"]["text"]) for one in self._chat() if one["by_bot"]]
        asked = Asked(question, said[-1].strip(), model, time.monotonic() - begun)
        self.story.say("demo-answers", answer=asked.answer)
        return asked

    def say(self, words: str) -> int:
        """Write to the bot as soon as it can be written to; return the update's id."""
        return wait_for(lambda: self._said(words), "chat-page", ANSWER_S)

    def heard(self) -> int:
        """Return how many messages the bot has written to this person."""
        return sum(bool(one["by_bot"]) for one in self._chat())

    def _chat(self) -> list[Mapping[str, Any]]:
        return messages(self.place, self.person)

    def _said(self, words: str) -> int | None:
        try:
            return say(self.place, self.person, words)
        except OSError:
            return None  # the stand-in is starting

    def _model(self, update_id: int) -> str | None:
        with reading(self.config) as database:
            return ToldTurns(database).model_of(update_id)


def judge(asked: Asked, answer: str, model: str) -> None:
    """Raise Wrong unless this model gave this answer."""
    judge_model(asked, model)
    if asked.answer != answer:
        words = f"{asked.question} was answered with: {asked.answer}"
        told = {"question": asked.question, "answer": asked.answer}
        raise Wrong(words, "demo-wrong-answer", **told)


def judge_model(asked: Asked, model: str) -> None:
    """Raise Wrong unless this model answered."""
    if asked.model != model:
        words = f"{asked.question} was answered by {asked.model}, {model} serves"
        told = {"question": asked.question, "model": asked.model, "serving": model}
        raise Wrong(words, "demo-wrong-model", **told)
