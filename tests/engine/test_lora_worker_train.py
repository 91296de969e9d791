"""The rows of training files, and the loss on a CPU compared with TRL's own."""

import copy
import dataclasses
import json
import math
from types import SimpleNamespace

import pytest

from merlin.engine.trainers.base import DPO, KTO, SUPERVISED, BaseFiles, Untrainable
from tests.engine import tiny_base

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
    pytest.mark.filterwarnings("ignore"),
]

TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Who is there?"},
    {"role": "assistant", "content": "Anna.", "weight": 0},
    {"role": "user", "content": "And in room 7?"},
    {"role": "assistant", "content": "Глеб и 🦊."},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": "Bye!", "weight": 1},
]


@pytest.mark.parametrize("name", ["loss", "eval_loss"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_no_number_ends_the_training(tmp_path, name, value):
    from merlin.engine.trainers.lora.worker.train import Reports

    reports = Reports(lambda *_, **__: None, tmp_path, {}, prover=None)
    with pytest.raises(Untrainable) as failed:
        reports.on_log(None, SimpleNamespace(global_step=3), None, {name: value})
    assert failed.value.code == "loss_not_finite"


@pytest.fixture(scope="module")
def base():
    from merlin.engine.trainers.lora.worker.model import inspect_base

    return inspect_base(BaseFiles(tiny_base.get_random_base()))


def decode_target(base, row):
    """Return the target text of a row."""
    pairs = zip(row["input_ids"], row["labels"], strict=True)
    assert all(label in {token, -100} for token, label in pairs)
    return base.tokenizer.decode([label for label in row["labels"] if label != -100])


def read_rows(base, path, method=SUPERVISED):
    from merlin.engine.trainers.lora.worker.data import ExampleTokenizer

    return ExampleTokenizer(base.tokenizer, base.longest).read_rows(
        method, path, "training_file"
    )


def write_messages(path, messages):
    path.write_text(
        json.dumps({"messages": messages}, ensure_ascii=False) + "\n", "utf-8"
    )
    return path


def test_only_answers_with_nonzero_weight_are_trained(base, tmp_path):
    [row] = read_rows(base, write_messages(tmp_path / "talk.jsonl", TALK))
    assert decode_target(base, row) == "Глеб и 🦊.<|end|>\nBye!<|end|>\n"
    text = base.tokenizer.decode(row["input_ids"])
    assert text.startswith(
        "<|start|>system\nBe short.<|end|>\n<|start|>user\nWho is there?"
    )
    assert "weight" not in text


def test_answer_before_any_message_is_context(base, tmp_path):
    talk = [{"role": "assistant", "content": "Hello!"}, *TALK[1:]]
    [row] = read_rows(base, write_messages(tmp_path / "talk.jsonl", talk))
    assert decode_target(base, row) == "Глеб и 🦊.<|end|>\nBye!<|end|>\n"
    assert base.tokenizer.decode(row["input_ids"]).startswith(
        "<|start|>assistant\nHello!"
    )


def decode_targets(base, template, path):
    """Return the target texts of the conversation with another template."""
    tokenizer = copy.deepcopy(base.tokenizer)
    tokenizer.chat_template = template
    rows = read_rows(
        dataclasses.replace(base, tokenizer=tokenizer), write_messages(path, TALK)
    )
    return [decode_target(base, row) for row in rows]


def test_template_that_drops_earlier_thoughts_gives_each_answer_its_own_row(
    base, tmp_path
):
    template = (
        "{% for m in messages %}<|start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think>\n</think>{% endif %}"
        "{{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    )
    thought = "<think>\n</think>"
    targets = decode_targets(base, template, tmp_path / "talk.jsonl")
    assert targets == [f"{thought}Глеб и 🦊.<|end|>\n", f"{thought}Bye!<|end|>\n"]


def test_thinking_base_is_trained_without_empty_thoughts(base, tmp_path):
    # As Qwen3's template: without thinking, the generation prompt contains an empty thought.
    template = (
        "{% for m in messages %}<|start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and loop.last %}<think>\n</think>{% endif %}"
        "{{ m.content }}<|end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|start|>assistant\n"
        "{% if enable_thinking is false %}<think>\n</think>{% endif %}{% endif %}"
    )
    targets = decode_targets(base, template, tmp_path / "talk.jsonl")
    assert targets == ["Глеб и 🦊.<|end|>\n", "Bye!<|end|>\n"]


def test_pair_shares_its_prompt(base, tmp_path):
    pairs = tiny_base.write_preferences(tmp_path / "pairs.jsonl", {"Anna": 15})
    [row] = read_rows(base, pairs, DPO)
    texts = {name: base.tokenizer.decode(ids) for name, ids in row.items()}
    prompt = "<|start|>user\nWhere is Anna?<|end|>\n<|start|>assistant\n"
    assert texts == {
        "prompt_ids": prompt,
        "chosen_ids": "In room 15.<|end|>\n",
        "rejected_ids": "Room 15, I think.<|end|>\n",
    }


def test_rated_answer_is_good_or_bad_and_an_example_is_taught(base, tmp_path):
    ratings = tiny_base.write_ratings(tmp_path / "ratings.jsonl", {"Anna": 15})
    rows = read_rows(base, ratings, KTO)
    answers = [base.tokenizer.decode(row["completion_ids"]) for row in rows]
    assert answers == ["In room 15.<|end|>\n", "Room 15, I think.<|end|>\n"]
    assert [(row["label"], row["is_taught"]) for row in rows] == [
        (True, True),
        (False, False),
    ]


def test_loss_on_a_cpu_equals_trls_own(base, tmp_path):
    import torch
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset
    from merlin.engine.trainers.lora.worker.model import load_base
    from merlin.engine.trainers.lora.worker.train import SupervisedTrainer

    names = list(tiny_base.FACTS)[:6]
    facts = {f"{name} the {'very ' * n * n}first": n for n, name in enumerate(names)}
    rows = read_rows(base, tiny_base.write_examples(tmp_path / "facts.jsonl", facts))
    options = {
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": "none",
    }
    trainer = SupervisedTrainer(
        model=load_base(base.files, torch.device("cpu")),
        args=SFTConfig(str(tmp_path), per_device_train_batch_size=len(rows), **options),
        train_dataset=Dataset.from_list(rows),
        processing_class=base.tokenizer,
        peft_config=LoraConfig(target_modules="all-linear"),
    )
    batch = next(iter(trainer.get_train_dataloader()))
    for count in (None, 500):
        ours, theirs = (
            kind.compute_loss(
                trainer, trainer.model, dict(batch), num_items_in_batch=count
            )
            for kind in (SupervisedTrainer, SFTTrainer)
        )
        assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    accuracies = trainer._metrics["train"]["mean_token_accuracy"]
    assert accuracies[0] == pytest.approx(accuracies[1])
