"""`merlin demo --engine lora` from its first line to its invitation, on a tiny base model."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from merlin.core.i18n import text
from merlin.core.server import free_ports
from merlin.db.database import open_database
from merlin.sandbox.demo.check import DATASET
from tests.engine.tiny_base import get_english_base
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture
from tests.support.waiting import longest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

WINDOW = 256
DEMO = """
import sys
from pathlib import Path
from merlin.sandbox.demo.run import run_demo
sys.exit(run_demo(Path("demo"), int(sys.argv[1]), "en", Path(sys.argv[2])))
"""


@pytest.fixture
def unpacked_weights(tmp_path):
    """Return weights, and a cache in which a tiny base is their unpacked form."""
    weights, library = tmp_path / "small.gguf", tmp_path / "cache" / "merlin" / "bases"
    weights.write_bytes(b"weights")
    folder = library / "smollm2"
    shutil.copytree(get_english_base(), folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    # The tiny model seldom ends an answer by itself: a window that just fits the longest example
    # ends it.
    window = {**config, "max_position_embeddings": WINDOW}
    (folder / "config.json").write_text(json.dumps(window), "utf-8")
    return weights, tmp_path / "cache"


def test_lora_demo_reports_its_training_until_the_model_can_be_asked(unpacked_weights, tmp_path):
    weights, cache = unpacked_weights
    (port,) = free_ports(1)
    with subprocess.Popen(
        [sys.executable, "-c", DEMO, str(port), str(weights)],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if line.startswith(("Try it", "✘")):
                break
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=longest())
    output = "".join(lines)
    assert "committed sixty English questions" in output
    epochs = [line for line in lines if line.startswith("● the language model: epoch")]
    assert [line.split(",")[0][-6:] for line in epochs] == [f"{n} of 6" for n in range(1, 7)]
    assert f"✔ {text('en', 'demo-step-serving')}" in output
    with open_database(f"sqlite:///{tmp_path}/demo/state/merlin.db", read_only=True) as database:
        ((is_first,),) = database.sql(
            "SELECT since < created_at FROM serving, job"
            " WHERE serving.dataset = 'algorithms' AND job.dataset = ?",
            DATASET,
        )
    assert is_first, "the bot answers before and during the training"
    assert "send /course to the bot, choose “Questions in English”" in lines[-1]
    assert demo.returncode == 0
