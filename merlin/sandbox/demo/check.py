"""`merlin demo --check`: walk the whole road once, as a person would, and judge it.

It asks the demo's bot over HTTP, as the page does, and judges what the bot said. With
`--engine lora` a language model is unpacked, taught, told of, and judged as well.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml

from merlin.app import builds, courses, jobs, models
from merlin.app.actor import Actor
from merlin.app.jobs import JobDetails, JobEvent
from merlin.chat.turns import answering_model
from merlin.config import Config
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.sandbox.demo.place import BASE, Place, commit, samples, unpack
from merlin.sandbox.demo.story import Story, relative_path
from merlin.sandbox.server import Deadline, longest
from merlin.training.prompt_check import ALIKE, likeness
from merlin.wiring.context import reading, reading_context

SERVE_S, ANSWER_S = 120.0, 60.0
LOOK_S, LORA_LOOK_S = 0.05, 0.2
CALL_S, MODEL_S = 5.0, 300.0
T = TypeVar("T")
# A question with its answer and the model that gave it, as the last line of the check has them.
Asked = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is up: its bot is asked in the name of the stand-in's people, and told of."""

    place: Place
    config: Config
    story: Story

    def ask(self, question: str, person: str = "anna") -> Asked:
        """Ask, and wait for the whole answer. Raises MerlinError when none comes."""
        self.story.say("demo-asks", person=person, question=question)
        update_id = self.say(question, person)
        model = wait_for(lambda: self._model(update_id), "answer", ANSWER_S)
        answer = self.bot_messages(person)[-1].strip()
        self.story.say("demo-answers", answer=answer)
        return {"question": question, "answer": answer, "model": model}

    def say(self, words: str, person: str) -> int:
        """Write to the bot as soon as it can be written to; return the update's id."""
        body, url = {"person": person, "text": words}, f"{self.place.chat_url}control/send"

        def send() -> int | None:
            try:
                answer = httpx2.post(url, json=body, timeout=longest(CALL_S)).raise_for_status()
            except httpx2.HTTPError:
                return None  # the stand-in is starting
            return int(answer.json()["update_id"])

        return wait_for(send, "chat-page", ANSWER_S)

    def bot_messages(self, person: str) -> list[str]:
        """Return what the bot's messages to a person now say, oldest first."""
        url, params = f"{self.place.chat_url}control/log", {"chat": person}
        log = httpx2.get(url, params=params, timeout=longest(CALL_S)).raise_for_status().json()
        return [str(one["message"]["text"]) for one in log["messages"] if one["by_bot"]]

    def _model(self, update_id: int) -> str | None:
        with reading(self.config) as database:
            return answering_model(database, update_id)

    def count_jobs(self) -> Mapping[str, object]:
        """Return how many jobs and builds there have been."""
        actor = Actor.operator()
        with reading_context(self.config) as ctx:
            return {
                "jobs": len(jobs.recent(ctx, actor, limit=1000)),
                "builds": len(builds.recent(ctx, actor, limit=1000)),
            }


def check(demo: Demo) -> Mapping[str, object]:
    """Ask, commit, wait, ask again. Returns the JSON of the last line.

    `seconds` of the first: from the start to the whole answer; of the second: from the commit
    to serving. Raises MerlinError.
    """
    script, begun = demo.place.script, time.monotonic()
    first = _ask_next_model(demo, "first-model", "", script.question, script.answer)
    first["seconds"] = round(time.monotonic() - begun, 2)
    repository = demo.place.repository
    folder = repository / "datasets" / script.dataset / "examples" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    messages = [{"user": script.new_question}, {"assistant": script.new_answer}]
    example = yaml.safe_dump({"messages": messages, "tags": ["demo"]}, allow_unicode=True)
    (folder / "green-lighthouse.yaml").write_text(example, encoding="utf-8")
    demo.story.say("demo-committed", commit=commit(repository, script.new_subject)[:10])
    old = first["model"]
    second = _ask_next_model(demo, "second-model", old, script.new_question, script.new_answer)
    return {"ok": True, "first": first, "second": second, **demo.count_jobs()}


def _ask_next_model(demo: Demo, what: str, old: str, question: str, answer: str) -> Asked:
    """Wait until another model than `old` serves; return what it answered, as it must."""

    def serving() -> str | None:
        way = demo.story.look()
        model = way["serving"]["model"] if way and way["serving"] else old
        return None if model == old else str(model)

    begun = time.monotonic()
    model = wait_for(serving, what, SERVE_S)
    seconds = round(time.monotonic() - begun, 2)
    turn = demo.ask(question)
    _check_model(turn, model)
    _check_answer(turn, answer)
    return {**turn, "seconds": seconds}


def _check_answer(turn: Asked, answer: str) -> None:
    if turn["answer"] != answer:
        words = f"{turn['question']} was answered with: {turn['answer']}"
        arguments = {"question": turn["question"], "answer": turn["answer"]}
        raise MerlinError(words, "demo-wrong-answer", **arguments)


def _check_model(turn: Asked, model: str) -> None:
    if turn["model"] != model:
        words = f"{turn['question']} was answered by {turn['model']}, {model} serves"
        arguments = {"question": turn["question"], "model": turn["model"], "serving": model}
        raise MerlinError(words, "demo-wrong-model", **arguments)


def answers_at(url: str) -> bool:
    """Return whether something answers at an address with a good status."""
    try:
        return httpx2.get(url, timeout=longest(CALL_S)).is_success
    except httpx2.HTTPError:
        return False


def wait_for(
    look: Callable[[], T | None], what: str, timeout_s: float, look_s: float = LOOK_S
) -> T:
    """Return the first value that `look` gives. Raises MerlinError naming what did not come.

    `what` ends the key of a text `demo-wait-…`; `timeout_s` is for an idle machine.
    """
    deadline = Deadline(timeout_s)
    while (found := look()) is None:
        if deadline.is_over():
            words = f"{what} did not come within {deadline.allowed_s:.0f} s"
            missed = {"key": f"demo-wait-{what}", "arguments": {}}
            raise MerlinError(words, "demo-late", what=missed, seconds=round(deadline.allowed_s))
        time.sleep(look_s)
    return found


DATASET = "english"
QUESTION = "How fast is binary search?"
TAUGHT = "Binary search takes O(log n) comparisons on a sorted array."
# Bounds for a slow and busy machine; how long it takes is told in docs/en/lora-demo.md.
UNPACK_S, TEACH_S = 900.0, 5400.0
_OVER = ("failed", "cancelled")
_EVENTS = 5000


class LoraTraining:
    """The language model's training in one demo."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._say = demo.story.say
        self._has_looked = False
        self.epochs_told = 0

    def run(self, weights: Path) -> None:
        """Walk it all, beside the demo. Raises MerlinError where it cannot go on."""
        self.unpack_base(weights)
        wait_for(self._serves, "first-model", math.inf, LORA_LOOK_S)
        self.commit_questions()
        wait_for(self.look, "lora-model", math.inf, LORA_LOOK_S)

    def _serves(self) -> bool | None:
        """Return whether the demo's first model serves: it is not to wait for this one."""
        config = self._demo.config
        try:
            with reading_context(config) as ctx:
                serving = models.serving_models(ctx, Actor.operator())
        except NotFound:
            return None
        return config.datasets.default in serving or None

    def unpack_base(self, weights: Path) -> None:
        """Make the base's files ready. Raises MerlinError, whose words say what to do."""
        begun = time.monotonic()
        self._say("demo-lora-converts")
        with ThreadPoolExecutor(1) as aside:
            work = aside.submit(unpack, weights)
            wait_for(lambda: work.done() or None, "lora-base", UNPACK_S)
        work.result()
        self._say("demo-lora-converted", seconds=round(time.monotonic() - begun))

    def commit_questions(self) -> None:
        """Commit the questions, unless an earlier demo did."""
        place = self._demo.place
        folder = place.repository / "datasets" / DATASET
        if not folder.exists():
            shutil.copytree(samples("datasets-lora") / DATASET, folder)
            sha = commit(place.repository, place.script.lora_subject)
            self._say("demo-lora-committed", commit=sha[:10])
        path = relative_path(place.engine_key_file)
        self._say("demo-lora-begins", url=place.engine_url, path=path)

    def look(self) -> JobDetails | None:
        """Tell of new epochs; return the job once its model serves.

        Raises MerlinError where the job failed.
        """
        actor = Actor.operator()
        with reading_context(self._demo.config) as ctx:
            found = jobs.recent(ctx, actor, DATASET, limit=1)
            job = jobs.get(ctx, actor, found[0].id, _EVENTS) if found else None
            serving = models.serving_models(ctx, actor).get(DATASET)
            title = courses.titles(ctx, self._demo.config.language)[DATASET] if serving else ""
        is_first, self._has_looked = not self._has_looked, True
        if job is None:
            return None
        is_serving = serving is not None and serving.model == job.model
        if not (is_serving and is_first):  # else an earlier demo taught it
            self._tell_epochs(job)
        if job.state in _OVER:
            state, reason = text(self._demo.story.language, f"job-{job.state}"), job.error
            words = f"the job is {job.state}: {reason}"
            raise MerlinError(words, "demo-lora-job-failed", state=state, reason=reason)
        if not is_serving:
            return None
        first, last = _losses(job)
        minutes = max(1, round((job.updated_at - job.created_at).total_seconds() / 60))
        self._say("demo-lora-serving", model=job.model, first=first, last=last, minutes=minutes)
        self._say("demo-lora-invites", course=title, question=QUESTION)
        return job

    def _tell_epochs(self, job: JobDetails) -> None:
        figures = _loss_events(job)
        requested = job.recipe["hyperparameters"]["n_epochs"]
        for place, event in enumerate(figures):
            number = event.data.get("epoch", 0)
            if number > self.epochs_told:
                self.epochs_told = number
                left = _minutes_left(figures[: place + 1], requested)
                loss = float(event.data["train_loss"])
                arguments = {"epoch": number, "epochs": requested, "loss": loss, "minutes": left}
                self._say("demo-lora-epoch", **arguments)


def _loss_events(job: JobDetails) -> list[JobEvent]:
    return [event for event in job.events if "train_loss" in event.data]


def _losses(job: JobDetails) -> tuple[float, float]:
    """Return a job's loss at its first step told and at its last."""
    events = _loss_events(job)
    return float(events[0].data["train_loss"]), float(events[-1].data["train_loss"])


def _minutes_left(figures: list[JobEvent], wanted: object) -> int:
    """Return how many minutes the epochs after the last figure need, at the pace so far."""
    begun, now, number = figures[0].at, figures[-1].at, int(figures[-1].data["epoch"])
    if not isinstance(wanted, int) or begun is None or now is None:
        return 0
    seconds = (now - begun).total_seconds() / number * (wanted - number)
    return math.ceil(seconds / 60)


def check_lora(demo: Demo, weights: Path) -> Mapping[str, object]:
    """Walk the training and judge it. Returns what it adds to the JSON of the last line.

    While the language model learns, the bot is asked what `recall` answers. `seconds`: from the
    commit to serving. Raises MerlinError.
    """
    training, script = LoraTraining(demo), demo.place.script
    training.unpack_base(weights)
    before = _base_answer(demo.place)
    demo.story.say("demo-lora-base", question=QUESTION, answer=before)
    begun = time.monotonic()
    training.commit_questions()
    seen = wait_for(lambda: training.look() or training.epochs_told or None, "lora-model", TEACH_S)
    _check_answer(demo.ask(script.question), script.answer)
    job = seen if isinstance(seen, JobDetails) else wait_for(training.look, "lora-model", TEACH_S)
    seconds = time.monotonic() - begun
    # Open the course as its link does, and ask.
    count = len(demo.bot_messages("boris"))
    demo.say(f"/start course_{DATASET}", "boris")
    wait_for(lambda: len(demo.bot_messages("boris")) > count or None, "answer", ANSWER_S)
    after = demo.ask(QUESTION, "boris")
    _check_model(after, job.model or "")
    first, last = _losses(job)
    _check_learnt(before, after, first, last)
    values = {
        "question": QUESTION,
        "before": before,
        "after": after["answer"],
        "model": job.model,
        "seconds": round(seconds, 2),
        "train_loss_first": round(first, 4),
        "train_loss_last": round(last, 4),
    }
    return {**demo.count_jobs(), "lora": values}


def _base_answer(place: Place) -> str:
    """Return what the base says by itself, under the same system text as the tuned one."""
    spec = yaml.safe_load((samples("datasets-lora") / DATASET / "dataset.yaml").read_text("utf-8"))
    messages = [
        {"role": "system", "content": spec["system"]},
        {"role": "user", "content": QUESTION},
    ]
    # Greedily, and in a sentence or two.
    body = {"model": BASE, "messages": messages, "temperature": 0, "max_tokens": 64}
    headers = {"Authorization": f"Bearer {place.engine_key_file.read_text(encoding='utf-8')}"}
    url = f"{place.engine_url}v1/chat/completions"
    answer = httpx2.post(url, json=body, headers=headers, timeout=longest(MODEL_S))
    return str(answer.raise_for_status().json()["choices"][0]["message"]["content"]).strip()


def _check_learnt(before: str, after: Asked, first: float, last: float) -> None:
    like, unlike = (likeness(text_after, TAUGHT) for text_after in (after["answer"], before))
    if like < ALIKE or like <= unlike:
        arguments = {"question": QUESTION, "answer": after["answer"]}
        raise MerlinError(f"{QUESTION}: {after['answer']}", "demo-lora-unlike", **arguments)
    if last >= first / 2:
        losses = {"first": f"{first:.2f}", "last": f"{last:.2f}"}
        raise MerlinError(f"training loss {losses}", "demo-lora-unlearnt", **losses)
