"""`merlin demo --engine lora`: a language model is unpacked, taught, told of, and judged.

Each part is a generator that looks once and yields, so that the demo looks at it among all else
and `--check` waits for it; what it returns is what came of it. With `--check` the model is asked,
taught, and asked again.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from merlin.app import courses, jobs, models
from merlin.app.actor import Actor
from merlin.app.jobs import JobDetails, JobEvent
from merlin.app.models import ServingView
from merlin.config import Config
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.sandbox.demo.check import (
    ANSWER_S,
    AnsweredQuestion,
    CheckFailed,
    DemoUser,
    check_model,
    count_jobs,
    model_answer,
    wait_for,
)
from merlin.sandbox.demo.place import Place, commit, samples
from merlin.sandbox.demo.smollm2 import BASE, unpack
from merlin.sandbox.demo.story import Story, relative_path
from merlin.wiring.context import reading_context

DATASET = "english"
QUESTION = "How fast is binary search?"
TAUGHT = "Binary search takes O(log n) comparisons on a sorted array."
_OVER = ("failed", "cancelled")
_EVENTS = 5000


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What serves after the training: the model, and its loss at the first step and last."""

    model: str
    first: float
    last: float
    seconds: float


class LoraTraining:
    """The language model's training in one demo."""

    def __init__(self, place: Place, config: Config, story: Story, weights: Path) -> None:
        self._place = place
        self._weights = weights
        self._config = config
        self._story = story

    def run(self) -> Generator[object, None, TrainedModel]:
        """Walk it all, one look a step. Raises MerlinError where it cannot go on."""
        yield from self.unpack_base()
        while not self._serves():
            yield None
        self.commit_questions()
        return (yield from self.follow_job())

    def _serves(self) -> bool:
        """Return whether the demo's first model serves: it is not to wait for this one."""
        try:
            with reading_context(self._config) as ctx:
                return self._config.datasets.default in models.serving_models(ctx, Actor.operator())
        except NotFound:
            return False

    def unpack_base(self) -> Generator[None]:
        """Make the base's files ready. Raises MerlinError, whose words say what to do."""
        begun = time.monotonic()
        self._story.say("demo-lora-converts")
        with ThreadPoolExecutor(1) as aside:
            work = aside.submit(unpack, self._weights)
            while not work.done():
                yield
        work.result()
        self._story.say("demo-lora-converted", seconds=round(time.monotonic() - begun))

    def commit_questions(self) -> None:
        """Commit the questions, unless an earlier demo did."""
        folder = self._place.repository / "datasets" / DATASET
        if not folder.exists():
            shutil.copytree(samples("datasets-lora") / DATASET, folder)
            sha = commit(self._place.repository, self._place.script.lora_subject)
            self._story.say("demo-lora-committed", commit=sha[:10])
        path = relative_path(self._place.engine_key_file)
        self._story.say("demo-lora-begins", url=self._place.engine_url, path=path)

    def follow_job(self) -> Generator[int, None, TrainedModel]:
        """Tell each epoch until the tuned model serves; yields how many were told.

        Raises MerlinError where its job fails.
        """
        told, (job, serving) = 0, self._read()
        if job is not None and serving is not None and serving.model == job.model:
            return self._tell_served(job)  # taught by an earlier demo
        while True:
            if job is not None:
                told = self._tell_epochs(job, told)
                if job.state in _OVER:
                    raise self._failed(job)
                if serving is not None and serving.model == job.model:
                    return self._tell_served(job)
            yield told
            job, serving = self._read()

    def _read(self) -> tuple[JobDetails | None, ServingView | None]:
        actor = Actor.operator()
        with reading_context(self._config) as ctx:
            found = jobs.recent(ctx, actor, DATASET, limit=1)
            job = jobs.get(ctx, actor, found[0].id, _EVENTS) if found else None
            return job, models.serving_models(ctx, actor).get(DATASET)

    def _tell_epochs(self, job: JobDetails, told: int) -> int:
        figures = _loss_events(job)
        wanted = job.recipe["hyperparameters"]["n_epochs"]
        for place, event in enumerate(figures):
            number = event.data.get("epoch", 0)
            if number > told:
                told = number
                left = _minutes_left(figures[: place + 1], wanted)
                loss = float(event.data["train_loss"])
                shown = {"epoch": number, "epochs": wanted, "loss": loss, "minutes": left}
                self._story.say("demo-lora-epoch", **shown)
        return told

    def _tell_served(self, job: JobDetails) -> TrainedModel:
        figures = _loss_events(job)
        losses = [float(event.data["train_loss"]) for event in figures]
        seconds = (job.updated_at - job.created_at).total_seconds()
        trained = TrainedModel(job.model or "", losses[0], losses[-1], seconds)
        shown = {"model": trained.model, "first": trained.first, "last": trained.last}
        minutes = max(1, round(seconds / 60))
        self._story.say("demo-lora-serving", **shown, minutes=minutes)
        self._story.say("demo-lora-invites", course=self._course(), question=QUESTION)
        return trained

    def _course(self) -> str:
        with reading_context(self._config) as ctx:
            return courses.titles(ctx, self._config.language)[DATASET]

    def _failed(self, job: JobDetails) -> MerlinError:
        state, reason = text(self._story.language, f"job-{job.state}"), job.error
        words = f"the job is {job.state}: {reason}"
        return MerlinError(words, "demo-lora-job-failed", state=state, reason=reason)


def _loss_events(job: JobDetails) -> Sequence[JobEvent]:
    return [event for event in job.events if "train_loss" in event.data]


def _minutes_left(figures: Sequence[JobEvent], wanted: object) -> int:
    """Return how many minutes the epochs after the last figure need, at the pace so far."""
    number = int(figures[-1].data["epoch"])
    if not isinstance(wanted, int):
        return 0
    begun, now = figures[0].at, figures[-1].at
    if begun is None or now is None:
        return 0
    seconds = (now - begun).total_seconds() / number * (wanted - number)
    return math.ceil(seconds / 60)


# Bounds for a slow and busy machine; how long it takes is told in docs/en/lora-demo.md.
UNPACK_S, TEACH_S = 900.0, 5400.0
LIKE_TAUGHT = 70.0  # chrF: the taught sentence, give or take a word

T = TypeVar("T")


def check_lora(place: Place, config: Config, story: Story, weights: Path) -> Mapping[str, object]:
    """Walk the training and judge it. Returns what it adds to the JSON of the last line.

    While the language model learns, the bot is asked what `recall` answers. `seconds`: from the
    commit to serving. Raises CheckFailed, MerlinError.
    """
    training = LoraTraining(place, config, story, weights)
    _wait_for_end(training.unpack_base(), "lora-base", UNPACK_S)
    before = _base_answer(place)
    story.say("demo-lora-base", question=QUESTION, answer=before)
    begun = time.monotonic()
    training.commit_questions()
    trained = _wait_for_model(training, DemoUser(place, config, story))
    seconds = time.monotonic() - begun
    after = _ask_in_course(DemoUser(place, config, story, "boris"))
    _check_trained(before, after, trained)
    told = {
        "question": QUESTION,
        "before": before,
        "after": after.answer,
        "model": trained.model,
        "seconds": round(seconds, 2),
        "train_loss_first": round(trained.first, 4),
        "train_loss_last": round(trained.last, 4),
    }
    return {**count_jobs(config), "lora": told}


def _wait_for_model(training: LoraTraining, user: DemoUser) -> TrainedModel:
    """Wait for the tuned model; after its first epoch the bot must answer as ever."""
    walk = training.follow_job()
    wait_for(lambda: next(walk) or None, "lora-model", TEACH_S)
    script = user.place.script
    asked = user.ask(script.question)
    if asked.answer != script.answer:
        raise CheckFailed(
            f"{asked.question}: {asked.answer}", "demo-wrong-answer", **_answer_fields(asked)
        )
    return _wait_for_end(walk, "lora-model", TEACH_S)


def _wait_for_end(walk: Generator[object, None, T], what: str, timeout_s: float) -> T:
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


def _ask_in_course(user: DemoUser) -> AnsweredQuestion:
    """Open the course as its link does, and ask."""
    heard = user.count_bot_messages()
    user.say(f"/start course_{DATASET}")
    wait_for(lambda: user.count_bot_messages() > heard or None, "answer", ANSWER_S)
    return user.ask(QUESTION)


def _check_trained(before: str, after: AnsweredQuestion, trained: TrainedModel) -> None:
    from sacrebleu import sentence_chrf  # noqa: PLC0415 - 0.2 s that this check alone needs

    check_model(after, trained.model)
    like, unlike = (sentence_chrf(said, [TAUGHT]).score for said in (after.answer, before))
    if like < LIKE_TAUGHT or like <= unlike:
        raise CheckFailed(
            f"{QUESTION}: {after.answer}", "demo-lora-unlike", **_answer_fields(after)
        )
    if trained.last >= trained.first / 2:
        losses = {"first": f"{trained.first:.2f}", "last": f"{trained.last:.2f}"}
        raise CheckFailed(f"training loss {losses}", "demo-lora-unlearnt", **losses)


def _answer_fields(asked: AnsweredQuestion) -> Mapping[str, object]:
    return {"question": asked.question, "answer": asked.answer}
