"""Compare training speed and memory with a plain script on TRL, on the same base and file.

SmolLM2 and the sample English dataset, LoRA of rank 16 on every linear layer, batches of 4, the
same learning rate, loss on the answers only. Each run is a separate process; the sides alternate.
Peak memory is the process's, on an NVIDIA GPU that of the GPU as `nvidia-smi` shows it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.engine_rig import DEVICE, DTYPE, build_english, unpack_smollm
from bench.smollm import BASE

ROUNDS, EPOCHS = 3, 2
SIDES = ("ours", "trl")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of both sides; `folder` is where a run may write."""

    base: str
    train: str
    folder: str
    device: str = DEVICE
    dtype: str = DTYPE
    epochs: int = EPOCHS
    batch: int = 4
    rank: int = 16
    rate: float = 1e-3
    seed: int = 42


def run(_: Sequence[str] = ()) -> None:
    """Print a row for each run, then the medians of the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        train, _test = build_english(Path(folder))
        base = str(unpack_smollm()[BASE]["path"])
        print("side | tokens/s | peak MiB | loss of the last epoch")
        rounds = [_run_round(base, train, Path(folder) / str(number)) for number in range(ROUNDS)]
    for what, unit in (("tokens_s", "tokens/s"), ("peak_mib", "peak memory")):
        ratios = [figures["ours"][what] / figures["trl"][what] for figures in rounds]
        all_ratios = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{unit}, ours to TRL: {statistics.median(ratios):.2f} (of {all_ratios})")


def _run_round(base: str, train: Path, folder: Path) -> Mapping[str, Mapping[str, float]]:
    return {side: _run_side(side, base, train, folder / side) for side in SIDES}


def _run_side(side: str, base: str, train: Path, folder: Path) -> Mapping[str, float]:
    folder.mkdir(parents=True)
    settings = TrainingSettings(base, str(train), str(folder))
    with watch_gpu_memory() as gpu_mib:
        process = subprocess.run(
            [sys.executable, "-m", f"bench.engine_train_{side}", json.dumps(asdict(settings))],
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("wb"),
            text=True,
            check=False,
        )
    if process.returncode:
        sys.exit((folder / "log").read_text(errors="replace")[-2000:])
    values: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    if gpu_mib:
        values["peak_mib"] = max(gpu_mib)
    print(
        f"{side} | {values['tokens_s']:.0f} | {values['peak_mib']:.0f} | {values['loss']:.3f}",
        flush=True,
    )
    return values


@contextmanager
def watch_gpu_memory() -> Iterator[list[int]]:
    """Yield a growing list of the first GPU's used memory in MiB; empty on another device."""
    used, is_over = list[int](), threading.Event()
    query = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0")

    def watch() -> None:
        while not is_over.wait(0.2):
            used.append(int(subprocess.run(query, capture_output=True, check=True).stdout))

    if not DEVICE.startswith("cuda"):
        yield used
        return
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield used
    finally:
        is_over.set()
        watcher.join()


def count_tokens(settings: TrainingSettings) -> int:
    """Return the total number of tokens of all examples, in the base's chat template."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(settings.base)
    lines = Path(settings.train).read_text(encoding="utf-8").splitlines()
    return sum(
        len(
            tokenizer.apply_chat_template(json.loads(line)["messages"], return_dict=True)[
                "input_ids"
            ]
        )
        for line in lines
    )


def format_figures(
    settings: TrainingSettings, step_times: Sequence[tuple[int, float]], peak_kib: int, loss: float
) -> str:
    """Return a run's figures as JSON; `step_times` are steps with their completion times.

    The first step is a warm-up and is not counted.
    """
    (first, started_at), (last, ended_at) = step_times[0], step_times[-1]
    share = (last - first) / last
    speed = settings.epochs * count_tokens(settings) * share / (ended_at - started_at)
    return json.dumps({"tokens_s": speed, "peak_mib": peak_kib / 1024, "loss": loss})
