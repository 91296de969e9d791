"""Each class of bases in the table: trained, proved, merged and served, on a tiny random model."""

import json
import shutil
from collections import deque
from queue import SimpleQueue

import pytest

from merlin.core.i18n import LANGUAGES, text
from merlin.core.messages import Message
from merlin.engine.architectures import ARCHITECTURES
from merlin.engine.proof import INERT, TOLERANCE, compare, compute_distance, read_proof
from merlin.engine.serving.base import Adapter, GenerationRequest, Setup
from merlin.engine.trainers.base import BaseFiles
from merlin.openai_protocol.errors import ApiError
from tests.engine import tiny_base
from tests.engine.adapter_changes import change_weights, rename
from tests.engine.lora_tasks import build_task, train_in_process
from tests.engine.tiny_classes import CLASSES, STEPS, build_gemma4_experts, train_class

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]
QUESTION = Message("user", tiny_base.make_question("Anna"))


class Engine:
    """The engine's end of a worker's pipe."""

    def __init__(self):
        self.inbox = SimpleQueue()
        self.lines = deque()

    def send(self, line):
        self.lines.append(line)


def _as_weekly(name):
    """Return a class as a parameter: of 14 one is trained in each run, an ordinary one."""
    weekly = [] if name == "Qwen3ForCausalLM" else pytest.mark.weekly("torch")
    return pytest.param(name, marks=weekly)


@pytest.fixture(scope="module", params=map(_as_weekly, CLASSES))
def trained(request, tmp_path_factory):
    return request.param, *train_class(tmp_path_factory.mktemp("class"), request.param)


def load(base):
    """Return a base as the worker loads it, and a worker for it."""
    from merlin.engine.serving import worker

    loaded = worker.load(Setup(str(base), 0, "float32", "none", "cpu", 2))
    engine = Engine()
    return loaded.model, worker.Worker(loaded, 2, engine), engine


def score(base, proof):
    from merlin.engine.torch_loading import score_tokens

    return score_tokens(load(base)[0], proof.questions)


def ask(worker, engine, adapter):
    worker.answer(
        1, adapter, GenerationRequest([QUESTION], most_tokens=8, temperature=0)
    )
    return engine.lines.pop()


def write_renamed(adapter, folder, old, new):
    """Copy an adapter with a part of its keys replaced."""
    shutil.copytree(adapter, folder)
    change_weights(folder, rename(old, new))
    return Adapter(folder.name, folder)


def test_table_is_what_is_run():
    assert {*CLASSES} == {*ARCHITECTURES}


def test_class_is_trained_proved_and_answers(trained, tmp_path):
    from safetensors.torch import load_file

    name, base, adapter = trained
    proof = read_proof(adapter)
    assert proof.is_decidable
    weights = load_file(adapter / "adapter_model.safetensors")
    layers = f"base_model.model.{ARCHITECTURES[name].layers}."
    assert all(key.startswith(layers) for key in weights)
    assert {key.split(".")[-3] for key in weights} <= {*ARCHITECTURES[name].modules}
    _, worker, engine = load(base)
    assert ask(worker, engine, Adapter("sound", adapter))["applied"]
    assert not ask(worker, engine, None)["applied"]
    inert = write_renamed(adapter, tmp_path / "inert", ".layers.", ".blocks.")
    with pytest.raises(ApiError) as refused:
        ask(worker, engine, inert)
    assert refused.value.code == INERT


def test_class_is_merged_into_its_own(trained, tmp_path):
    from safetensors.torch import load_file

    from merlin.engine.merging import merge

    name, base, adapter = trained
    merge(base, adapter, tmp_path)
    assert json.loads((tmp_path / "config.json").read_bytes())["architectures"] == [
        name
    ]
    before, after = (
        load_file(folder / "model.safetensors") for folder in (base, tmp_path)
    )
    changed = {key for key in before if not before[key].equal(after[key])}
    assert changed
    assert before.keys() == after.keys()
    assert all(
        ".layers." in key and "vision" not in key and "visual" not in key
        for key in changed
    )
    proof = read_proof(adapter)
    measured = score(tmp_path, proof)
    assert compute_distance(measured, proof.tuned) <= TOLERANCE
    assert compare(proof, measured) == ""


@pytest.mark.weekly("torch")
def test_adapter_of_the_text_class_of_qwen_answers_as_before(tmp_path):
    base, adapter = train_class(tmp_path, "Qwen3_5ForConditionalGeneration")
    old = write_renamed(
        adapter, tmp_path / "old", "model.language_model.layers", "model.layers"
    )
    _, worker, engine = load(base)
    assert ask(worker, engine, old)["applied"]


@pytest.mark.weekly("torch")
def test_experts_of_gemma_4_answer_as_they_were(tmp_path):
    from safetensors import safe_open

    name = "Gemma4ForConditionalGeneration"
    text_config = build_gemma4_experts()
    base, adapter = train_class(tmp_path, name, text_config=text_config)
    with safe_open(adapter / "adapter_model.safetensors", "pt") as tensors:
        assert not [key for key in tensors.keys() if "expert" in key or "router" in key]  # noqa: SIM118
    _, worker, engine = load(base)
    assert ask(worker, engine, Adapter("experts", adapter))["applied"]


def test_unknown_class_is_refused_by_name_before_the_training_and_goes_on_answering(
    tmp_path,
):
    base, adapter = train_class(tmp_path, "LlamaForCausalLM")
    path = base / "config.json"
    path.write_text(
        path.read_text("utf-8").replace("LlamaForCausalLM", "LibraForCausalLM")
    )
    task = build_task(
        tmp_path / "new", tmp_path / "train.jsonl", base=BaseFiles(base), **STEPS
    )
    [failed] = train_in_process(task)
    assert (failed["code"], failed["param"]) == ("base_unknown", "model")
    for language in LANGUAGES:
        message = text(language, failed["key"], **failed["arguments"])
        assert "LibraForCausalLM" in message
        assert "Gemma4ForConditionalGeneration" in message
    _, worker, engine = load(base)
    assert ask(worker, engine, Adapter("old", adapter))["applied"]
