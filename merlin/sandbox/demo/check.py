"""`merlin demo --check`: run the whole workflow once, as a person would, and verify it.

It asks the demo's bot over HTTP, as the chat page does, and verifies the answers.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
import yaml

from merlin.app import builds, jobs
from merlin.app.actor import Actor
from merlin.chat.turns import answering_model
from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.sandbox.demo.place import DemoFolder, commit
from merlin.sandbox.demo.story import Story
from merlin.wiring.context import open_read_only, open_reading_context

# Limits for a slow and busy machine.
SERVE_S = 600.0
ANSWER_S = 300.0
POLL_S = 0.2
CALL_S = 10.0
T = TypeVar("T")
# A question, its answer and the answering model, as in the check's JSON output.
AnsweredQuestion = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: sends questions to its bot as one of the stand-in's people."""

    place: DemoFolder
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
        body = {"person": person, "text": message}
        url = f"{self.place.chat_url}control/send"

        def send() -> int | None:
            try:
                response = httpx2.post(
                    url, json=body, timeout=CALL_S
                ).raise_for_status()
            except httpx2.HTTPError:
                return None  # the stand-in is starting
            return int(response.json()["update_id"])

        return wait_for(send, "chat-page", ANSWER_S)

    def bot_messages(self, person: str) -> list[str]:
        """Return the current words of the bot's messages to a person, oldest first."""
        url = f"{self.place.chat_url}control/log"
        params = {"chat": person}
        log = httpx2.get(url, params=params, timeout=CALL_S).raise_for_status().json()
        return [
            str(entry["versions"][-1]["text"])
            for entry in log["messages"]
            if entry["by_bot"]
        ]

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
    script = demo.place.script
    started_at = time.monotonic()
    first = _ask_next_model(demo, "first-model", "", script.question, script.answer)
    first["seconds"] = round(time.monotonic() - started_at, 2)
    demo.story.say("demo-committed", commit=commit_example(demo.place)[:10])
    old = first["model"]
    second = _ask_next_model(
        demo, "second-model", old, script.new_question, script.new_answer
    )
    return {"ok": True, "first": first, "second": second, **demo.count_jobs()}


def commit_example(place: DemoFolder) -> str:
    """Commit the example that the script teaches; return the commit's id."""
    script = place.script
    folder = place.repository / "datasets" / script.dataset / "examples" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    messages = [{"user": script.new_question}, {"assistant": script.new_answer}]
    example = yaml.safe_dump(
        {"messages": messages, "tags": ["demo"]}, allow_unicode=True
    )
    (folder / "green-lighthouse.yaml").write_text(example, encoding="utf-8")
    return commit(place.repository, script.new_subject)


def _ask_next_model(
    demo: Demo, awaited: str, old: str, question: str, answer: str
) -> AnsweredQuestion:
    """Wait until a model other than `old` serves; return its answer to the question, verified."""

    def new_model() -> str | None:
        progress = demo.story.report()
        model = (
            progress["serving"]["model"] if progress and progress["serving"] else old
        )
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
        arguments = {
            "question": turn["question"],
            "model": turn["model"],
            "serving": model,
        }
        raise MerlinError(message, "demo-wrong-model", **arguments)


def wait_for(read: Callable[[], T | None], awaited: str, timeout_s: float) -> T:
    """Return the first value of `read` that is not None. Raises MerlinError on timeout.

    `awaited` ends the key of a text `demo-wait-…`.
    """
    ends_at = time.monotonic() + timeout_s
    while (value := read()) is None:
        if time.monotonic() > ends_at:
            message = f"{awaited} did not come within {timeout_s:.0f} s"
            missing = {"key": f"demo-wait-{awaited}", "arguments": {}}
            raise MerlinError(
                message, "demo-late", what=missing, seconds=round(timeout_s)
            )
        time.sleep(POLL_S)
    return value
