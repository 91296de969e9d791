"""`merlin demo --check`: walk the whole road once, as a person would, and judge it.

It asks the demo's bot over HTTP, as the page does, and judges what the bot said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import httpx2
import yaml

from merlin.app import builds, jobs
from merlin.app.actor import Actor
from merlin.chat.turns import AnsweredTurns
from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.sandbox.deadlines import Deadline, longest
from merlin.sandbox.demo.place import Place, commit
from merlin.sandbox.demo.story import Story
from merlin.wiring.context import reading, reading_context

SERVE_S = 120.0


def check(place: Place, config: Config, story: Story) -> Mapping[str, object]:
    """Ask, commit, wait, ask again. Returns the JSON of the last line.

    `seconds` of the first: from the start to the whole answer; of the second: from the commit
    to serving. Raises CheckFailed, MerlinError.
    """
    user, script = DemoUser(place, config, story), place.script
    begun = time.monotonic()
    serving = wait_for(lambda: _serving(story, ""), "first-model", SERVE_S)
    first = user.ask(script.question)
    check_answer(first, script.answer, serving["model"])
    first = replace(first, seconds=time.monotonic() - begun)
    _write_example(place, story)
    committed = time.monotonic()
    old = serving["model"]
    serving = wait_for(lambda: _serving(story, old), "second-model", SERVE_S)
    seconds = time.monotonic() - committed
    second = user.ask(script.new_question)
    check_answer(second, script.new_answer, serving["model"])
    second = replace(second, seconds=seconds)
    return {"ok": True, "first": first.as_json(), "second": second.as_json(), **count_jobs(config)}


def count_jobs(config: Config) -> Mapping[str, object]:
    """Return how many jobs and builds there have been."""
    with reading_context(config) as ctx:
        actor = Actor.operator()
        return {
            "jobs": len(jobs.recent(ctx, actor, limit=1000)),
            "builds": len(builds.recent(ctx, actor, limit=1000)),
        }


def _serving(story: Story, other_than: str) -> Mapping[str, str] | None:
    way = story.look()
    serving: Mapping[str, str] | None = way["serving"] if way else None
    return serving if serving and serving["model"] != other_than else None


def _write_example(place: Place, story: Story) -> None:
    script = place.script
    folder = place.repository / "datasets" / script.dataset / "examples" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    said = [{"user": script.new_question}, {"assistant": script.new_answer}]
    example = yaml.safe_dump({"messages": said, "tags": ["demo"]}, allow_unicode=True)
    (folder / "green-lighthouse.yaml").write_text(example, encoding="utf-8")
    sha = commit(place.repository, script.new_subject)
    story.say("demo-committed", commit=sha[:10])


ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """One question of the check: what came back, from which model, after how long."""

    question: str
    answer: str
    model: str
    seconds: float

    def as_json(self) -> Mapping[str, object]:
        """Return it as the last line of the check has it."""
        return {**asdict(self), "seconds": round(self.seconds, 2)}


class CheckFailed(MerlinError):
    """The demo did not do what it shows."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    """Asks in the name of one of the stand-in's people, and tells it."""

    place: Place
    config: Config
    story: Story
    person: str = "anna"

    def ask(self, question: str) -> AnsweredQuestion:
        """Ask, and wait for the whole answer. Raises MerlinError when none comes."""
        self.story.say("demo-asks", person=self.person, question=question)
        begun = time.monotonic()
        update_id = self.say(question)
        model = wait_for(lambda: self._model(update_id), "answer", ANSWER_S)
        said = [str(one["message"]["text"]) for one in self._chat() if one["by_bot"]]
        asked = AnsweredQuestion(question, said[-1].strip(), model, time.monotonic() - begun)
        self.story.say("demo-answers", answer=asked.answer)
        return asked

    def say(self, words: str) -> int:
        """Write to the bot as soon as it can be written to; return the update's id."""
        return wait_for(lambda: self._said(words), "chat-page", ANSWER_S)

    def count_bot_messages(self) -> int:
        """Return how many messages the bot has written to this person."""
        return sum(bool(one["by_bot"]) for one in self._chat())

    def _chat(self) -> list[Mapping[str, Any]]:
        return messages(self.place, self.person)

    def _said(self, words: str) -> int | None:
        try:
            return say(self.place, self.person, words)
        except httpx2.HTTPError:
            return None  # the stand-in is starting

    def _model(self, update_id: int) -> str | None:
        with reading(self.config) as database:
            return AnsweredTurns(database).model_of(update_id)


def check_answer(asked: AnsweredQuestion, answer: str, model: str) -> None:
    """Raise CheckFailed unless this model gave this answer."""
    check_model(asked, model)
    if asked.answer != answer:
        words = f"{asked.question} was answered with: {asked.answer}"
        told = {"question": asked.question, "answer": asked.answer}
        raise CheckFailed(words, "demo-wrong-answer", **told)


def check_model(asked: AnsweredQuestion, model: str) -> None:
    """Raise CheckFailed unless this model answered."""
    if asked.model != model:
        words = f"{asked.question} was answered by {asked.model}, {model} serves"
        told = {"question": asked.question, "model": asked.model, "serving": model}
        raise CheckFailed(words, "demo-wrong-model", **told)


T = TypeVar("T")
LOOK_S = 0.05
CALL_S, MODEL_S = 5.0, 300.0


def say(place: Place, person: str, text: str) -> int:
    """Let a person write to the bot; return the update's id."""
    body = {"person": person, "text": text}
    answer = httpx2.post(f"{place.chat_url}control/send", json=body, timeout=longest(CALL_S))
    return int(answer.raise_for_status().json()["update_id"])


def messages(place: Place, person: str) -> list[Mapping[str, Any]]:
    """Return a person's chat as it now stands, oldest message first."""
    url = f"{place.chat_url}control/log"
    answer = httpx2.get(url, params={"chat": person}, timeout=longest(CALL_S)).raise_for_status()
    log: list[Mapping[str, Any]] = answer.json()["messages"]
    return log


def model_answer(url: str, key: str, model: str, said: Sequence[Mapping[str, str]]) -> str:
    """Return what a model of an engine answers, greedily and in a sentence or two.

    `url` is the engine's address, `said` a conversation as the protocol has it. Raises
    httpx2.HTTPError.
    """
    asked = {"model": model, "messages": said, "temperature": 0, "max_tokens": 64}
    headers = {"Authorization": f"Bearer {key}"}
    called = f"{url}v1/chat/completions"
    answer = httpx2.post(called, json=asked, headers=headers, timeout=longest(MODEL_S))
    return str(answer.raise_for_status().json()["choices"][0]["message"]["content"]).strip()


def answers_at(url: str) -> bool:
    """Return whether something answers at an address with a good status."""
    try:
        return httpx2.get(url, timeout=longest(CALL_S)).is_success
    except httpx2.HTTPError:
        return False


def wait_for(look: Callable[[], T | None], what: str, timeout_s: float) -> T:
    """Return the first value that `look` gives. Raises MerlinError naming what did not come.

    `what` ends the key of a text `demo-wait-…`; `timeout_s` is for an idle machine.
    """
    deadline = Deadline(timeout_s)
    while (found := look()) is None:
        if deadline.is_over():
            words = f"{what} did not come within {deadline.allowed_s:.0f} s"
            missed = {"key": f"demo-wait-{what}", "arguments": {}}
            raise MerlinError(words, "demo-late", what=missed, seconds=round(deadline.allowed_s))
        time.sleep(LOOK_S)
    return found
