"""Train 10,000 examples with `merlin engine`, and measure answers of that model over HTTP."""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.engine_rig import EngineProcess, Messages, run_engine
from bench.figures import line
from bench.recall import EXAMPLES, make_examples

RUNS, ANSWERS = 3, 50
_ROLES = ("user", "assistant")


def run(_: Sequence[str] = ()) -> None:
    """Print the time from a job's creation to its success, and the time of one answer."""
    conversations = [_to_messages(example) for example in make_examples()]
    with tempfile.TemporaryDirectory() as temporary, run_engine({}) as rig:
        lines = [
            json.dumps({"messages": messages}, ensure_ascii=False) for messages in conversations
        ]
        train = Path(temporary) / "made-up.jsonl"
        train.write_text("\n".join(lines), encoding="utf-8")
        trained = [_train(rig, train) for _ in range(RUNS)]
        model = trained[-1][0]
        answers = [_time_answer(rig, model, messages[:1]) for messages in conversations[:ANSWERS]]
    print(line(f"{EXAMPLES} examples, create to succeeded", [seconds for _, seconds in trained]))
    print(line("one answer over HTTP", [1000 * seconds for seconds in answers], "ms"))


def _to_messages(turns: Sequence[dict[str, str]]) -> Messages:
    return [{"role": role, "content": turn[role]} for role, turn in zip(_ROLES, turns, strict=True)]


def _train(rig: EngineProcess, train: Path) -> tuple[str, float]:
    file = rig.upload(train)
    started_at = time.perf_counter()
    model = rig.wait_for_model(rig.create_job("recall", file, 42, {}))
    return model, time.perf_counter() - started_at


def _time_answer(rig: EngineProcess, model: str, messages: Messages) -> float:
    started_at = time.perf_counter()
    rig.ask_all(model, [messages])
    return time.perf_counter() - started_at
