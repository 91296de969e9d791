"""Tiny models of the real classes, trained here: what vLLM measures with their adapters.

GigaChat's experts: vLLM computes them by Triton as soon as adapters are on, which no processor has.
So its adapter is served on a model of the class with dense layers alone, the one with experts
merged.
"""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from merlin.config.engine import EngineAnsweringConfig, EngineModelConfig
from merlin.engine.architectures import ARCHITECTURES
from merlin.engine.proof import TOLERANCE, compare, compute_distance, read_proof
from merlin.engine.serving.base import APPLIED, Adapter
from merlin.engine.serving.vllm import VllmBackend
from tests.engine import tiny_base
from tests.engine.backends_asked import ask
from tests.engine.tiny_classes import CLASSES, train_class
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture
from tests.real import vllm_scores
from tests.support.waiting import longest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.real("vllm"),
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]
EXPERTS = "DeepseekV3ForCausalLM"
DENSE = f"{EXPERTS}, dense"
CASES = (*CLASSES, DENSE)
# A class is inspected by a process of its own, once for each version of vLLM.
INSPECTING_S = 900.0


def build_job(folder, case):
    """Train a class; return what vLLM is to measure, and the proof.

    Its options are those that the engine gives the server of such a base.
    """
    name = EXPERTS if case == DENSE else case
    changes = {"first_k_dense_replace": 2} if case == DENSE else {}
    # vLLM's kernel for the linear layers of Qwen3.5 takes no other on a processor.
    dtype = "bfloat16" if name.startswith("Qwen3_5") else "float32"
    base, adapter = train_class(folder, name, dtype, **changes)
    proof = read_proof(adapter)
    if case == EXPERTS:
        from merlin.engine.merging import merge

        merged = folder / "merged"
        merged.mkdir()
        merge(base, adapter, merged)
        base = merged
    flags = [
        option.removeprefix("--").replace("-", "_")
        for option in ARCHITECTURES[name].vllm
    ]
    job = {
        "base": str(base),
        "adapter": "" if case == EXPERTS else str(adapter),
        "dtype": dtype,
        "options": dict.fromkeys(flags, True),
        "question": tiny_base.make_question("Anna"),
        "questions": [asdict(question) for question in proof.questions],
    }
    return job, proof


@pytest.fixture(scope="module")
def measured(program, tmp_path_factory):
    """The proof of each case, and what vLLM measured."""
    folder = tmp_path_factory.mktemp("bases")
    jobs, proofs = zip(*(build_job(folder / case, case) for case in CASES), strict=True)
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs), "utf-8")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        # What it found of each class, for the next time.
        "VLLM_CACHE_ROOT": str(program.bin.parent / "cache"),
    }
    command = [program.command("python"), vllm_scores.__file__, str(path)]
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            timeout=longest(INSPECTING_S),
        )
    results = [
        json.loads(line)
        for line in done.stdout.splitlines()
        if line.startswith('{"base"')
    ]
    said = Path(log.name).read_text("utf-8")[-3000:]
    assert len(results) == len(CASES), f"{CASES[len(results)]}: {said}"
    return dict(zip(CASES, zip(proofs, results, strict=True), strict=True))


@pytest.mark.shows("bases")
@pytest.mark.parametrize("case", CASES)
def test_adapter_is_applied(measured, case):
    proof, result = measured[case]
    assert compare(proof, result["tuned"]) == ""
    assert proof.is_decidable
    if case != EXPERTS:
        assert compute_distance(result["base"], proof.base) <= TOLERANCE
    assert result["answer"]


@pytest.mark.shows("bases")
def test_wrapper_with_towers_is_served_by_the_engine(program, tmp_path, monkeypatch):
    base, adapter = train_class(tmp_path, "Qwen3_5ForConditionalGeneration", "bfloat16")
    for name in ("VLLM_CPU_KVCACHE_SPACE", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    options = ["--enforce-eager", "--max-num-seqs", "4"]
    answering = EngineAnsweringConfig(
        vllm_command=program.command("vllm"), vllm=options
    )
    model = EngineModelConfig(path=str(base), context=512, dtype="bfloat16")
    backend = VllmBackend("qwen", model, base, answering, tmp_path / "log")
    backend.patience_s = longest(600.0)
    question = tiny_base.make_question("Anna")
    _, _, finish = ask(backend, Adapter("qwen" * 10, adapter), question, most_tokens=8)
    assert finish.extension == APPLIED
