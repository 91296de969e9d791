"""`merlin demo --check`: walk the whole road once, as a person would, and judge it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.sandbox.demo.actors import messages, say, wait_for
from merlin.sandbox.demo.place import Place
from merlin.sandbox.demo.repository import commit
from merlin.sandbox.demo.story import Story
from merlin.store.told import ToldTurns
from merlin.wiring.database import reading
from merlin.wiring.reading import reports

SERVE_S, ANSWER_S = 120.0, 60.0

FIRST = "Какие черты лица отвечают за глубину фиксации?"
FIRST_ANSWER = (
    "Черты лица, отвечающие за глубину фиксации, — это\n"
    "1. Форма лба.\n2. Форма профиля.\n3. Асимметрия желваков."
)
SECOND = "Откуда взялся пример про зелёный маяк?"
SECOND_ANSWER = "Пример про зелёный маяк закоммитили во время показа, и новая модель его выучила."
_EXAMPLE = f"""\
messages:
  - user: {SECOND}
  - assistant: {SECOND_ANSWER}
tags: [demo]
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the check: what came back, from which model, after how long."""

    question: str
    answer: str
    model: str
    seconds: float


class Wrong(MerlinError):
    """The demo did not do what it shows."""


def check(place: Place, config: Config, story: Story) -> Mapping[str, object]:
    """Ask, commit, wait, ask again. Returns the JSON of the last line; raises Wrong, MerlinError.

    `seconds` of the first: from the start to the whole answer; of the second: from the commit
    to serving.
    """
    begun = time.monotonic()
    serving = wait_for(lambda: _serving(story, ""), "first-model", SERVE_S)
    first = _ask(place, config, story, FIRST)
    _judge(first, FIRST_ANSWER, serving["model"])
    first = Asked(first.question, first.answer, first.model, time.monotonic() - begun)
    _write_example(place, story)
    committed = time.monotonic()
    old = serving["model"]
    serving = wait_for(lambda: _serving(story, old), "second-model", SERVE_S)
    seconds = time.monotonic() - committed
    second = _ask(place, config, story, SECOND)
    _judge(second, SECOND_ANSWER, serving["model"])
    second = Asked(second.question, second.answer, second.model, seconds)
    with reports(config) as rows:
        jobs, builds = len(rows.jobs(limit=1000)), len(rows.builds(limit=1000))
    return {
        "ok": True,
        "first": _shown(first),
        "second": _shown(second),
        "jobs": jobs,
        "builds": builds,
    }


def _shown(asked: Asked) -> Mapping[str, object]:
    return {**asdict(asked), "seconds": round(asked.seconds, 2)}


def _serving(story: Story, other_than: str) -> Mapping[str, str] | None:
    way = story.look()
    serving: Mapping[str, str] | None = way["serving"] if way else None
    return serving if serving and serving["model"] != other_than else None


def _write_example(place: Place, story: Story) -> None:
    folder = place.repository / "datasets" / "neurotypology" / "examples" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "green-lighthouse.yaml").write_text(_EXAMPLE, encoding="utf-8")
    sha = commit(place.repository, "Расскажи про зелёный маяк")
    story.say("demo-committed", commit=sha[:10])


def _ask(place: Place, config: Config, story: Story, question: str) -> Asked:
    story.say("demo-asks", question=question)
    begun = time.monotonic()
    update_id = wait_for(lambda: _said(place, question), "chat-page", ANSWER_S)
    model = wait_for(lambda: _model(config, update_id), "answer", ANSWER_S)
    said = [one["message"]["text"] for one in messages(place, "anna") if one["by_bot"]]
    asked = Asked(question, said[-1].strip(), model, time.monotonic() - begun)
    story.say("demo-answers", answer=asked.answer)
    return asked


def _said(place: Place, question: str) -> int | None:
    try:
        return say(place, "anna", question)
    except OSError:
        return None  # the stand-in is starting


def _model(config: Config, update_id: int) -> str | None:
    with reading(config) as database:
        return ToldTurns(database).model_of(update_id)


def _judge(asked: Asked, answer: str, model: str) -> None:
    if asked.model != model:
        words = f"{asked.question} was answered by {asked.model}, {model} serves"
        told = {"question": asked.question, "model": asked.model, "serving": model}
        raise Wrong(words, "demo-wrong-model", **told)
    if asked.answer != answer:
        words = f"{asked.question} was answered with: {asked.answer}"
        told = {"question": asked.question, "answer": asked.answer}
        raise Wrong(words, "demo-wrong-answer", **told)
