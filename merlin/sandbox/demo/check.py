"""`merlin demo --check`: walk the whole road once, as a person would, and judge it.

It asks the demo's bot over HTTP, as the page does, and judges what the bot said.

With `--engine lora` a language model is unpacked, taught, told of, and judged as well. Each part of
that is a generator that looks once and yields, so that the demo looks at it among all else and
`--check` waits for it; what it returns is what came of it.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml

from merlin.app import builds, courses, jobs, models
from merlin.app.actor import Actor
from merlin.app.jobs import JobDetails, JobEvent
from merlin.app.models import ServingView
from merlin.chat.turns import answering_model
from merlin.config import Config
from merlin.core.errors import MerlinError, NotFound
from merlin.core.i18n import text
from merlin.sandbox.demo.place import BASE, Place, commit, samples, unpack
from merlin.sandbox.demo.story import Story, relative_path
from merlin.sandbox.server import Deadline, longest
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
    check_model(first, serving["model"])
    check_answer(first, script.answer)
    first = replace(first, seconds=time.monotonic() - begun)
    _write_example(place, story)
    committed = time.monotonic()
    old = serving["model"]
    serving = wait_for(lambda: _serving(story, old), "second-model", SERVE_S)
    seconds = time.monotonic() - committed
    second = user.ask(script.new_question)
    check_model(second, serving["model"])
    check_answer(second, script.new_answer)
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
        """Return the chat as it now stands, oldest message first."""
        url, asked = f"{self.place.chat_url}control/log", {"chat": self.person}
        answer = httpx2.get(url, params=asked, timeout=longest(CALL_S))
        log: list[Mapping[str, Any]] = answer.raise_for_status().json()["messages"]
        return log

    def _said(self, words: str) -> int | None:
        body, url = {"person": self.person, "text": words}, f"{self.place.chat_url}control/send"
        try:
            answer = httpx2.post(url, json=body, timeout=longest(CALL_S)).raise_for_status()
        except httpx2.HTTPError:
            return None  # the stand-in is starting
        return int(answer.json()["update_id"])

    def _model(self, update_id: int) -> str | None:
        with reading(self.config) as database:
            return answering_model(database, update_id)


def check_answer(asked: AnsweredQuestion, answer: str) -> None:
    """Raise CheckFailed unless this was answered."""
    if asked.answer != answer:
        words = f"{asked.question} was answered with: {asked.answer}"
        raise CheckFailed(words, "demo-wrong-answer", **_answer_fields(asked))


def check_model(asked: AnsweredQuestion, model: str) -> None:
    """Raise CheckFailed unless this model answered."""
    if asked.model != model:
        words = f"{asked.question} was answered by {asked.model}, {model} serves"
        told = {"question": asked.question, "model": asked.model, "serving": model}
        raise CheckFailed(words, "demo-wrong-model", **told)


T = TypeVar("T")
LOOK_S = 0.05
CALL_S, MODEL_S = 5.0, 300.0


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
    check_answer(user.ask(script.question), script.answer)
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
    # Greedily, and in a sentence or two.
    asked = {"model": BASE, "messages": said, "temperature": 0, "max_tokens": 64}
    headers = {"Authorization": f"Bearer {place.engine_key}"}
    url = f"{place.engine_url}v1/chat/completions"
    answer = httpx2.post(url, json=asked, headers=headers, timeout=longest(MODEL_S))
    return str(answer.raise_for_status().json()["choices"][0]["message"]["content"]).strip()


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
