"""Proof that an adapter is applied: comparison, what the trainer writes, what backends refuse."""

import shutil
from functools import partial
from math import inf, nan

import pytest

from merlin.engine.proof import (
    DIFFERS,
    INERT,
    Proof,
    ProofQuestion,
    compare,
    describe_fault,
    read_proof,
)
from merlin.engine.serving.base import Adapter
from merlin.engine.trainers.base import TrainerNote, Untrainable
from merlin.openai_protocol.errors import ApiError
from tests.engine import tiny_base
from tests.engine.adapter_changes import (
    change_config,
    change_weights,
    put,
    rename,
    scale,
)
from tests.engine.backends_asked import PROOF, write_adapter
from tests.engine.lora_tasks import (
    TEN_FACTS,
    build_task,
    read_progress,
    train_in_process,
)

QUESTION = ProofQuestion([1, 2, 3], 2)


def build_proof(base, tuned, quantised="none"):
    return Proof([QUESTION], [base], [tuned], quantised)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("base", "tuned", "quantised", "measured", "fault"),
    [
        ([-4, -6], [-1, -0.5], "none", [-1, -0.5], ""),
        ([-4, -6], [-1, -0.5], "none", [-1.2, -0.6], ""),
        ([-4, -6], [-1, -0.5], "none", [-1.2, -0.7], DIFFERS),
        ([-4, -6], [-1, -0.5], "4bit", [-1.2, -0.7], ""),
        ([-4, -6], [-1, -0.5], "4bit", [-1.5, -1], DIFFERS),
        ([-4, -6], [-1, -0.5], "none", [-4, -6], INERT),
        ([-4, -6], [-1, -0.5], "none", [-3, -5], INERT),
        ([-4, -6], [-1, -0.5], "none", [-9, -9], INERT),
        (
            [-1, -1],
            [-1, -0.8],
            "none",
            [-1, -1],
            "",
        ),  # an adapter that has learnt nothing
        ([-1, -1], [-1, -0.8], "none", [-3, -1], DIFFERS),
        # of weights that are no numbers
        ([-4, -6], [-1, -0.5], "none", [nan, nan], DIFFERS),
        ([-4, -6], [-1, -0.5], "none", [-1, nan], DIFFERS),
        ([-4, -6], [-1, -0.5], "none", [-1, -inf], DIFFERS),
        ([-1, -1], [-1, -0.8], "none", [-1, nan], DIFFERS),
        ([nan, nan], [nan, nan], "none", [nan, nan], DIFFERS),
        ([-4, -6], [-1, -inf], "none", [-1, -inf], DIFFERS),
    ],
)
def test_measured_scores_are_those_of_the_adapter_of_its_base_or_of_neither(
    base, tuned, quantised, measured, fault
):
    assert compare(build_proof(base, tuned, quantised), [measured]) == fault


@pytest.mark.unit
@pytest.mark.parametrize("value", ["NaN", "-Infinity", "null"])
def test_proof_with_scores_that_are_no_numbers_is_damaged(tmp_path, value):
    path = write_adapter(tmp_path, "a").path / "proof.json"
    path.write_text(path.read_text().replace("-0.25", value))
    with pytest.raises(ValueError, match=r"tuned\.0\.1"):
        read_proof(path.parent)


@pytest.mark.unit
def test_advice_depends_on_whether_the_base_is_the_one_of_the_training(tmp_path):
    folder = write_adapter(tmp_path, "a").path
    same = describe_fault(INERT, folder, PROOF, PROOF.base)
    assert (same.status, same.code) == (422, INERT)
    assert "q_proj" in str(same)
    assert "lora_alpha 8" in str(same)
    for base in (PROOF.tuned, [[nan, -3.0], [-2.5]]):
        other = describe_fault(DIFFERS, folder, PROOF, base)
        assert other.code == DIFFERS
        assert "the base itself is not the one of the training (words" in str(other)


# What is spoilt in a folder, and the faults of which one is found.
FAULTS = [
    (partial(change_weights, change=rename(".layers.", ".blocks.")), INERT),
    (partial(change_weights, change=scale("", 0)), INERT),
    # Four times the update: by the processor's arithmetic its scores may be nearer to the base.
    (partial(change_config, lora_alpha=64), f"{INERT} {DIFFERS}"),
    (partial(change_weights, change=put(nan)), DIFFERS),
    (partial(change_weights, change=put(-inf)), DIFFERS),
    (partial(change_weights, change=put(nan, everywhere=True)), DIFFERS),
]


@pytest.mark.integration
@pytest.mark.usefixtures("needs_torch")
@pytest.mark.filterwarnings("ignore")
class TestWeights:
    """With the tiny base."""

    def test_trainer_scores_ten_answers_where_they_differ_most(self, taught):
        warned = [each for each in taught.events(taught.job.id) if each.level == "warn"]
        assert warned == []
        proof = read_proof(taught.adapter)
        assert [question.count for question in proof.questions] == [8] * 10
        prompt = "<|start|>user\nWhere is Anna?<|end|>\n<|start|>assistant\n"
        assert len(proof.questions[0].tokens) <= len(prompt) + 32
        assert all(max(scores) < 0 for scores in proof.base)
        assert proof.is_decidable
        assert proof.quantised == "none"

    def test_training_that_learns_nothing_says_so(self, tmp_path):
        train = tiny_base.write_examples(tmp_path / "train.jsonl")
        task = build_task(
            tmp_path / "job",
            train,
            n_epochs=1,
            batch_size=20,
            learning_rate_multiplier=0.001,
        )
        notes = [
            part
            for part in read_progress(task, train_in_process(task))
            if isinstance(part, TrainerNote)
        ]
        assert [note.key for note in notes] == ["engine-lora-unproved"]

    @pytest.mark.parametrize("value", [nan, inf])
    def test_training_whose_last_step_spoils_the_weights_fails(
        self, taught, tmp_path, value
    ):
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        from merlin.engine.trainers.lora.worker.proving import Prover

        shutil.copytree(taught.adapter, tmp_path / "spoilt")
        change_weights(tmp_path / "spoilt", put(value))
        base = AutoModelForCausalLM.from_pretrained(tiny_base.get_tiny_base())
        model = PeftModel.from_pretrained(base, tmp_path / "spoilt")
        prover = Prover([{"prompt_ids": [5, 6], "chosen_ids": [7, 8]}], [], "none")
        with pytest.raises(Untrainable) as failed:
            prover.write(model, tmp_path, step=7)
        assert (failed.value.code, failed.value.arguments) == (
            "loss_not_finite",
            {"step": 7},
        )
        assert not (tmp_path / "proof.json").exists()

    def test_worker_serves_the_adapter_and_refuses_a_spoilt_one(
        self, taught, runner, tmp_path
    ):
        question = tiny_base.make_question("Anna")
        answer = tiny_base.make_answer("Anna", TEN_FACTS["Anna"])
        sound = Adapter("sound", taught.adapter)
        assert runner.text(question, sound, temperature=0) == answer
        for number, (spoil, fault) in enumerate(FAULTS):
            name = f"spoilt-{number}"
            folder = shutil.copytree(taught.adapter, tmp_path / name)
            spoil(folder)
            for _ in range(2):
                with pytest.raises(
                    ApiError, match="the base is the right one"
                ) as refused:
                    runner.text(question, Adapter(name, folder))
                assert refused.value.status == 422
                assert refused.value.code in fault.split()
        assert runner.text(question, sound, temperature=0) == answer

    def test_adapter_without_its_proof_is_damaged(self, taught, runner, tmp_path):
        folder = shutil.copytree(taught.adapter, tmp_path / "unproved")
        (folder / "proof.json").unlink()
        with pytest.raises(ApiError, match=r"proof\.json") as refused:
            runner.text("Where is Anna?", Adapter("unproved", folder))
        assert refused.value.code == "model_damaged"
