"""`merlin demo --check`: walk the whole road once, as a person would, and judge it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import yaml

from merlin.config import Config
from merlin.sandbox.demo.actors import wait_for
from merlin.sandbox.demo.examiner import Examiner, judge
from merlin.sandbox.demo.place import Place
from merlin.sandbox.demo.repository import commit
from merlin.sandbox.demo.story import Story
from merlin.wiring.reading import reports

SERVE_S = 120.0


def check(place: Place, config: Config, story: Story) -> Mapping[str, object]:
    """Ask, commit, wait, ask again. Returns the JSON of the last line; raises Wrong, MerlinError.

    `seconds` of the first: from the start to the whole answer; of the second: from the commit
    to serving.
    """
    examiner, script = Examiner(place, config, story), place.script
    begun = time.monotonic()
    serving = wait_for(lambda: _serving(story, ""), "first-model", SERVE_S)
    first = examiner.ask(script.question)
    judge(first, script.answer, serving["model"])
    first = replace(first, seconds=time.monotonic() - begun)
    _write_example(place, story)
    committed = time.monotonic()
    old = serving["model"]
    serving = wait_for(lambda: _serving(story, old), "second-model", SERVE_S)
    seconds = time.monotonic() - committed
    second = examiner.ask(script.new_question)
    judge(second, script.new_answer, serving["model"])
    second = replace(second, seconds=seconds)
    return {"ok": True, "first": first.shown(), "second": second.shown(), **counted(config)}


def counted(config: Config) -> Mapping[str, object]:
    """Return how many jobs and builds there have been."""
    with reports(config) as rows:
        return {"jobs": len(rows.jobs(limit=1000)), "builds": len(rows.builds(limit=1000))}


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
