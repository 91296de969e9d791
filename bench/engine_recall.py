"""10,000 examples taught through `merlin engine`, and answers of that model over HTTP."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.engine_rig import Model, Rig, Talk, engine
from bench.figures import line
from bench.recall import EXAMPLES, made_up

RUNS, ANSWERS = 3, 50
_ROLES = ("user", "assistant")


def run(_: Sequence[str] = ()) -> None:
    """Print the figures of `recall`."""
    measure("recall", {})


def measure(base: str, models: Mapping[str, Model]) -> None:
    """Print the time from a job's creation on a base to its success, and of one answer."""
    talks = [_talk(each) for each in made_up()]
    with tempfile.TemporaryDirectory() as place, engine(models) as rig:
        lines = [json.dumps({"messages": talk}, ensure_ascii=False) for talk in talks]
        train = Path(place) / "made-up.jsonl"
        train.write_text("\n".join(lines), encoding="utf-8")
        taught = [_teach(rig, base, train) for _ in range(RUNS)]
        model = taught[-1][0]
        answers = [_answer(rig, model, talk[:1]) for talk in talks[:ANSWERS]]
    print(line(f"{EXAMPLES} examples, create to succeeded", [seconds for _, seconds in taught]))
    print(line("one answer over HTTP", [1000 * seconds for seconds in answers], "ms"))


def _talk(said: Sequence[dict[str, str]]) -> Talk:
    return [{"role": role, "content": one[role]} for role, one in zip(_ROLES, said, strict=True)]


def _teach(rig: Rig, base: str, train: Path) -> tuple[str, float]:
    file = rig.upload(train)
    started_at = time.perf_counter()
    model = rig.ended(rig.begin(base, file, 42, {}))
    return model, time.perf_counter() - started_at


def _answer(rig: Rig, model: str, talk: Talk) -> float:
    started_at = time.perf_counter()
    rig.answers(model, [talk])
    return time.perf_counter() - started_at
