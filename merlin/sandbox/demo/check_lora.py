"""`merlin demo --check --engine lora`: a language model is asked, taught, and asked again."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from merlin.config import Config
from merlin.sandbox.demo.actors import model_answer, wait_for
from merlin.sandbox.demo.check import counted
from merlin.sandbox.demo.examiner import ANSWER_S, Asked, Examiner, Wrong, judge_model
from merlin.sandbox.demo.lesson import DATASET, QUESTION, TAUGHT, Learnt, Lesson
from merlin.sandbox.demo.place import Place
from merlin.sandbox.demo.repository import samples
from merlin.sandbox.demo.smollm2 import BASE
from merlin.sandbox.demo.story import Story

# Bounds for a slow and busy machine; how long it takes is told in docs/en/lora-demo.md.
UNPACK_S, TEACH_S = 900.0, 5400.0
LIKE_TAUGHT = 70.0  # chrF: the taught sentence, give or take a word

T = TypeVar("T")


def check_lora(place: Place, config: Config, story: Story, weights: Path) -> Mapping[str, object]:
    """Walk the lesson and judge it. Returns what it adds to the JSON of the last line.

    While the language model learns, the bot is asked what `recall` answers. `seconds`: from the
    commit to serving. Raises Wrong, MerlinError.
    """
    lesson = Lesson(place, config, story, weights)
    _last(lesson.unpacked(), "lora-base", UNPACK_S)
    before = _base_answer(place)
    story.say("demo-lora-base", question=QUESTION, answer=before)
    begun = time.monotonic()
    lesson.begun()
    learnt = _learnt(lesson, Examiner(place, config, story))
    seconds = time.monotonic() - begun
    after = _ask_in_course(Examiner(place, config, story, "boris"))
    _judge(before, after, learnt)
    told = {
        "question": QUESTION,
        "before": before,
        "after": after.answer,
        "model": learnt.model,
        "seconds": round(seconds, 2),
        "train_loss_first": round(learnt.first, 4),
        "train_loss_last": round(learnt.last, 4),
    }
    return {**counted(config), "lora": told}


def _learnt(lesson: Lesson, examiner: Examiner) -> Learnt:
    """Wait for the tuned model; after its first epoch the bot must answer as ever."""
    walk = lesson.taught()
    wait_for(lambda: next(walk) or None, "lora-model", TEACH_S)
    script = examiner.place.script
    asked = examiner.ask(script.question)
    if asked.answer != script.answer:
        raise Wrong(f"{asked.question}: {asked.answer}", "demo-wrong-answer", **_told(asked))
    return _last(walk, "lora-model", TEACH_S)


def _last(walk: Generator[object, None, T], what: str, timeout_s: float) -> T:
    """Return what a walk returns, looking on. Raises MerlinError when it takes too long."""

    def look() -> tuple[T] | None:
        try:
            next(walk)
        except StopIteration as end:
            return (end.value,)
        return None

    return wait_for(look, what, timeout_s)[0]


def _base_answer(place: Place) -> str:
    """Return what the base says by itself, under the same system text as the tuned one."""
    told = yaml.safe_load((samples("datasets-lora") / DATASET / "dataset.yaml").read_text("utf-8"))
    said = [{"role": "system", "content": told["system"]}, {"role": "user", "content": QUESTION}]
    return model_answer(place.engine_url, place.engine_key, BASE, said)


def _ask_in_course(examiner: Examiner) -> Asked:
    """Open the course as its link does, and ask."""
    heard = examiner.heard()
    examiner.say(f"/start course_{DATASET}")
    wait_for(lambda: examiner.heard() > heard or None, "answer", ANSWER_S)
    return examiner.ask(QUESTION)


def _judge(before: str, after: Asked, learnt: Learnt) -> None:
    from sacrebleu import sentence_chrf  # noqa: PLC0415 - 0.2 s that this check alone needs

    judge_model(after, learnt.model)
    like, unlike = (sentence_chrf(said, [TAUGHT]).score for said in (after.answer, before))
    if like < LIKE_TAUGHT or like <= unlike:
        raise Wrong(f"{QUESTION}: {after.answer}", "demo-lora-unlike", **_told(after))
    if learnt.last >= learnt.first / 2:
        losses = {"first": f"{learnt.first:.2f}", "last": f"{learnt.last:.2f}"}
        raise Wrong(f"training loss {losses}", "demo-lora-unlearnt", **losses)


def _told(asked: Asked) -> Mapping[str, object]:
    return {"question": asked.question, "answer": asked.answer}
