"""`merlin demo --check`: run the whole workflow once, as a person would, and verify it.

It asks the demo's bot over HTTP, as the chat page does, and verifies the answers. With
`--engine lora` a language model is unpacked, trained, reported on and verified as well.
"""

import math
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
from merlin.sandbox.demo.place import BASE, Place, commit, copy_files, samples, unpack_base
from merlin.sandbox.demo.story import Story
from merlin.training.scores import ALIKE, likeness
from merlin.wiring.context import open_read_only, open_reading_context

# Limits for a slow and busy machine; usual durations of the last two are in docs/en/lora-demo.md.
SERVE_S, ANSWER_S = 600.0, 300.0
UNPACK_S, TEACH_S = 3600.0, 20_000.0
POLL_S, LORA_POLL_S = 0.2, 1.0
CALL_S, MODEL_S = 10.0, 1200.0
T = TypeVar("T")
# A question, its answer and the answering model, as in the check's JSON output.
AnsweredQuestion = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: sends questions to its bot as one of the stand-in's people."""

    place: Place
    config: Config
    story: Story

    def ask(self, question: str, person: str = "anna") -> AnsweredQuestion:
        """Ask, and wait for the complete answer. Raises MerlinError when none comes."""
        self.story.say("demo-asks", person=person, question=question)
        update_id = self.say(question, person)
        model = wait_for(lambda: self._model(update_id), "answer", ANSWER_S)
        answer = self.bot_messages(person)[-1].strip()
        self.story.say("demo-answers", answer=answer)
        return {"question": question, "answer": answer, "model": model}

    def say(self, message: str, person: str) -> int:
        """Write to the bot as soon as the chat page is up; return the update's id."""
        body, url = {"person": person, "text": message}, f"{self.place.chat_url}control/send"

        def send() -> int | None:
            try:
                response = httpx2.post(url, json=body, timeout=CALL_S).raise_for_status()
            except httpx2.HTTPError:
                return None  # the stand-in is starting
            return int(response.json()["update_id"])

        return wait_for(send, "chat-page", ANSWER_S)

    def bot_messages(self, person: str) -> list[str]:
        """Return the current texts of the bot's messages to a person, oldest first."""
        url, params = f"{self.place.chat_url}control/log", {"chat": person}
        log = httpx2.get(url, params=params, timeout=CALL_S).raise_for_status().json()
        return [str(entry["message"]["text"]) for entry in log["messages"] if entry["by_bot"]]

    def _model(self, update_id: int) -> str | None:
        with open_read_only(self.config) as database:
            return answering_model(database, update_id)

    def count_jobs(self) -> Mapping[str, object]:
        """Return how many jobs and builds there have been."""
        actor = Actor.operator()
        with open_reading_context(self.config) as ctx:
            return {
                "jobs": len(jobs.list_recent(ctx, actor, limit=1000)),
                "builds": len(builds.list_recent(ctx, actor, limit=1000)),
            }


def check(demo: Demo) -> Mapping[str, object]:
    """Ask, commit an example, wait for the new model, ask again. Returns the result as JSON fields.

    `seconds` of the first: from the start to the complete answer; of the second: from the commit
    to serving. Raises MerlinError.
    """
    script, started_at = demo.place.script, time.monotonic()
    first = _ask_next_model(demo, "first-model", "", script.question, script.answer)
    first["seconds"] = round(time.monotonic() - started_at, 2)
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


def _ask_next_model(
    demo: Demo, awaited: str, old: str, question: str, answer: str
) -> AnsweredQuestion:
    """Wait until a model other than `old` serves; return its answer to the question, verified."""

    def new_model() -> str | None:
        progress = demo.story.report()
        model = progress["serving"]["model"] if progress and progress["serving"] else old
        return None if model == old else str(model)

    started_at = time.monotonic()
    model = wait_for(new_model, awaited, SERVE_S)
    seconds = round(time.monotonic() - started_at, 2)
    turn = demo.ask(question)
    _check_model(turn, model)
    _check_answer(turn, answer)
    return {**turn, "seconds": seconds}


def _check_answer(turn: AnsweredQuestion, answer: str) -> None:
    if turn["answer"] != answer:
        message = f"{turn['question']} was answered with: {turn['answer']}"
        arguments = {"question": turn["question"], "answer": turn["answer"]}
        raise MerlinError(message, "demo-wrong-answer", **arguments)


def _check_model(turn: AnsweredQuestion, model: str) -> None:
    if turn["model"] != model:
        message = f"{turn['question']} was answered by {turn['model']}, {model} serves"
        arguments = {"question": turn["question"], "model": turn["model"], "serving": model}
        raise MerlinError(message, "demo-wrong-model", **arguments)


def answers_at(url: str) -> bool:
    """Return whether a GET of this URL succeeds."""
    try:
        return httpx2.get(url, timeout=CALL_S).is_success
    except httpx2.HTTPError:
        return False


def wait_for(
    read: Callable[[], T | None], awaited: str, timeout_s: float, interval_s: float = POLL_S
) -> T:
    """Return the first value of `read` that is not None. Raises MerlinError on timeout.

    `awaited` ends the key of a text `demo-wait-…`.
    """
    ends_at = time.monotonic() + timeout_s
    while (value := read()) is None:
        if time.monotonic() > ends_at:
            message = f"{awaited} did not come within {timeout_s:.0f} s"
            missing = {"key": f"demo-wait-{awaited}", "arguments": {}}
            raise MerlinError(message, "demo-late", what=missing, seconds=round(timeout_s))
        time.sleep(interval_s)
    return value


DATASET = "english"
QUESTION = "How fast is binary search?"
EXPECTED_ANSWER = "Binary search takes O(log n) comparisons on a sorted array."
_FAILED_STATES = ("failed", "cancelled")
_MAX_EVENTS = 5000


class LoraTraining:
    """The training of the demo's language model."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._report = demo.story.say
        self._has_polled = False
        self.epochs_reported = 0

    def run(self, weights: Path) -> None:
        """Run the whole training beside the demo. Raises MerlinError when it cannot continue."""
        self.unpack_base(weights)
        wait_for(self._first_model_serves, "first-model", math.inf, LORA_POLL_S)
        self.commit_questions()
        wait_for(self.poll, "lora-model", math.inf, LORA_POLL_S)

    def _first_model_serves(self) -> bool | None:
        """Return True once the demo's first model serves, which must not wait for this training."""
        config = self._demo.config
        try:
            with open_reading_context(config) as ctx:
                serving = models.read_serving_models(ctx, Actor.operator())
        except NotFound:
            return None
        return config.datasets.default in serving or None

    def unpack_base(self, weights: Path) -> None:
        """Unpack the base model. Raises MerlinError, whose text says what to do."""
        started_at = time.monotonic()
        self._report("demo-lora-converts")
        with ThreadPoolExecutor(1) as pool:
            unpacking = pool.submit(unpack_base, weights)
            wait_for(lambda: unpacking.done() or None, "lora-base", UNPACK_S)
        unpacking.result()
        self._report("demo-lora-converted", seconds=round(time.monotonic() - started_at))

    def commit_questions(self) -> None:
        """Commit the questions, unless an earlier demo did."""
        place = self._demo.place
        folder = place.repository / "datasets" / DATASET
        if not folder.exists():
            copy_files(samples("datasets-lora") / DATASET, folder)
            sha = commit(place.repository, place.script.lora_subject)
            self._report("demo-lora-committed", commit=sha[:10])
        self._report("demo-lora-started", url=f"{place.front_url}enter/vera")

    def poll(self) -> JobDetails | None:
        """Report new epochs; return the job once its model serves.

        Raises MerlinError when the job failed.
        """
        actor = Actor.operator()
        with open_reading_context(self._demo.config) as ctx:
            recent_jobs = jobs.list_recent(ctx, actor, DATASET, limit=1)
            job = jobs.get(ctx, actor, recent_jobs[0].id, _MAX_EVENTS) if recent_jobs else None
            serving = models.read_serving_models(ctx, actor).get(DATASET)
            title = courses.read_active(ctx).title(DATASET, self._demo.config.language)
        is_first, self._has_polled = not self._has_polled, True
        if job is None:
            return None
        is_serving = serving is not None and serving.model == job.model
        if not (is_serving and is_first):  # otherwise an earlier demo trained it
            self._report_epochs(job)
        if job.state in _FAILED_STATES:
            state, reason = text(self._demo.story.language, f"job-{job.state}"), job.error
            message = f"the job is {job.state}: {reason}"
            raise MerlinError(message, "demo-lora-job-failed", state=state, reason=reason)
        if not is_serving:
            return None
        first, last = _losses(job)
        minutes = max(1, round((job.updated_at - job.created_at).total_seconds() / 60))
        self._report("demo-lora-serving", model=job.model, first=first, last=last, minutes=minutes)
        self._report("demo-lora-hint", course=title, question=QUESTION)
        return job

    def _report_epochs(self, job: JobDetails) -> None:
        loss_events = _loss_events(job)
        epochs = job.recipe["hyperparameters"]["n_epochs"]
        for index, event in enumerate(loss_events):
            epoch = event.data.get("epoch", 0)
            if epoch > self.epochs_reported:
                self.epochs_reported = epoch
                minutes = _minutes_left(loss_events[: index + 1], epochs)
                loss = float(event.data["train_loss"])
                arguments = {"epoch": epoch, "epochs": epochs, "loss": loss, "minutes": minutes}
                self._report("demo-lora-epoch", **arguments)


def _loss_events(job: JobDetails) -> list[JobEvent]:
    return [event for event in job.events if "train_loss" in event.data]


def _losses(job: JobDetails) -> tuple[float, float]:
    """Return a job's first and last reported training loss."""
    events = _loss_events(job)
    return float(events[0].data["train_loss"]), float(events[-1].data["train_loss"])


def _minutes_left(loss_events: list[JobEvent], epochs: object) -> int:
    """Return how many minutes the remaining epochs need at the pace so far."""
    first_at, last_at, epoch = (
        loss_events[0].at,
        loss_events[-1].at,
        int(loss_events[-1].data["epoch"]),
    )
    if not isinstance(epochs, int) or first_at is None or last_at is None:
        return 0
    seconds = (last_at - first_at).total_seconds() / epoch * (epochs - epoch)
    return math.ceil(seconds / 60)


def check_lora(demo: Demo, weights: Path) -> Mapping[str, object]:
    """Run the training and verify it. Returns additional fields of the check's JSON.

    While the language model trains, the bot must still answer the `recall` model's question.
    `seconds`: from the commit to serving. Raises MerlinError.
    """
    training, script = LoraTraining(demo), demo.place.script
    training.unpack_base(weights)
    base_answer = _base_answer(demo.place)
    demo.story.say("demo-lora-base", question=QUESTION, answer=base_answer)
    started_at = time.monotonic()
    training.commit_questions()
    first_result = wait_for(
        lambda: training.poll() or training.epochs_reported or None, "lora-model", TEACH_S
    )
    _check_answer(demo.ask(script.question), script.answer)
    job = (
        first_result
        if isinstance(first_result, JobDetails)
        else wait_for(training.poll, "lora-model", TEACH_S)
    )
    seconds = time.monotonic() - started_at
    # Open the course by its deep link, and ask.
    message_count = len(demo.bot_messages("boris"))
    demo.say(f"/start course_{DATASET}", "boris")
    wait_for(lambda: len(demo.bot_messages("boris")) > message_count or None, "answer", ANSWER_S)
    tuned_answer = demo.ask(QUESTION, "boris")
    _check_model(tuned_answer, job.model or "")
    first_loss, last_loss = _losses(job)
    _check_improvement(base_answer, tuned_answer, first_loss, last_loss)
    values = {
        "question": QUESTION,
        "before": base_answer,
        "after": tuned_answer["answer"],
        "model": job.model,
        "seconds": round(seconds, 2),
        "train_loss_first": round(first_loss, 4),
        "train_loss_last": round(last_loss, 4),
    }
    return {**demo.count_jobs(), "lora": values}


def _base_answer(place: Place) -> str:
    """Return the untuned base model's answer under the same system text."""
    dataset = yaml.safe_load(
        (samples("datasets-lora") / DATASET / "dataset.yaml").read_text("utf-8")
    )
    messages = [
        {"role": "system", "content": dataset["system"]},
        {"role": "user", "content": QUESTION},
    ]
    # Greedy decoding, one or two sentences.
    body = {"model": BASE, "messages": messages, "temperature": 0, "max_tokens": 64}
    headers = {"Authorization": f"Bearer {place.engine_key_file.read_text(encoding='utf-8')}"}
    url = f"{place.engine_url}v1/chat/completions"
    response = httpx2.post(url, json=body, headers=headers, timeout=MODEL_S)
    return str(response.raise_for_status().json()["choices"][0]["message"]["content"]).strip()


def _check_improvement(
    base_answer: str, tuned_turn: AnsweredQuestion, first_loss: float, last_loss: float
) -> None:
    tuned_similarity, base_similarity = (
        likeness(answer, EXPECTED_ANSWER) for answer in (tuned_turn["answer"], base_answer)
    )
    if tuned_similarity < ALIKE or tuned_similarity <= base_similarity:
        arguments = {"question": QUESTION, "answer": tuned_turn["answer"]}
        raise MerlinError(
            f"{QUESTION}: {tuned_turn['answer']}", "demo-lora-answer-differs", **arguments
        )
    if last_loss >= first_loss / 2:
        losses = {"first": f"{first_loss:.2f}", "last": f"{last_loss:.2f}"}
        raise MerlinError(f"training loss {losses}", "demo-lora-loss-not-lower", **losses)
