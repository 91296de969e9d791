"""10,000 examples taught through `merlin engine`, and answers of that model over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from bench.figures import line
from bench.recall import EXAMPLES, made_up
from merlin.core.free_port import free_ports

RUNS, ANSWERS = 3, 50
KEY = "the-key-of-the-measurement"


def run() -> None:
    """Print the time from a job's creation to its success, and of one answer."""
    talks = made_up()
    with tempfile.TemporaryDirectory() as folder, _engine(Path(folder)) as client:
        taught = [_teach(client, talks, number) for number in range(RUNS)]
        model = taught[-1][0]
        answers = [_answer(client, model, talk[0]["user"]) for talk in talks[:ANSWERS]]
    print(line(f"{EXAMPLES} examples, create to succeeded", [seconds for _, seconds in taught]))
    print(line("one answer over HTTP", [1000 * seconds for seconds in answers], "ms"))


@contextmanager
def _engine(folder: Path) -> Iterator[openai.OpenAI]:
    (port,) = free_ports(1)
    config = folder / "config.yaml"
    config.write_text(f"state_dir: state\nengine: {{listen: '127.0.0.1:{port}'}}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "merlin", "engine", "--config", str(config)],
        env={**os.environ, "MERLIN_ENGINE_KEY": KEY},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        with openai.OpenAI(api_key=KEY, base_url=url, max_retries=20) as client:
            client.models.list()  # the client tries again until the engine listens
            yield client
    finally:
        process.terminate()
        process.wait()


def _teach(
    client: openai.OpenAI, talks: list[list[dict[str, str]]], number: int
) -> tuple[str, float]:
    roles = ("user", "assistant")
    lines = [
        json.dumps(
            {
                "messages": [
                    {"role": role, "content": one[role]}
                    for role, one in zip(roles, talk, strict=True)
                ]
            },
            ensure_ascii=False,
        )
        for talk in talks
    ]
    content = "\n".join(lines).encode()
    file = client.files.create(file=(f"made-up-{number}.jsonl", content), purpose="fine-tune")
    begun = time.perf_counter()
    job = client.fine_tuning.jobs.create(model="recall", training_file=file.id)
    while job.status != "succeeded":
        time.sleep(0.05)
        job = client.fine_tuning.jobs.retrieve(job.id)
        if job.status == "failed":
            sys.exit(f"the job failed: {job.error}")
    return str(job.fine_tuned_model), time.perf_counter() - begun


def _answer(client: openai.OpenAI, model: str, question: str) -> float:
    begun = time.perf_counter()
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    return time.perf_counter() - begun
