"""Loss masks and losses, compared with TRL's trainers on the same batch."""

import json

import pytest

from merlin.engine.trainers.base import DPO, SUPERVISED, BaseFiles, TrainingDevices
from tests.engine import tiny_base

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.filterwarnings("ignore"),
]

BETA = 0.3
TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Who is there?"},
    {"role": "assistant", "content": "Anna.", "weight": 0},
    {"role": "user", "content": "And in room 7?"},
    {"role": "assistant", "content": "Глеб и 🦊."},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": "Bye!", "weight": 1},
]


@pytest.fixture(scope="module")
def base():
    import torch

    from merlin.engine.trainers.lora.worker.model import inspect_base

    torch.set_num_threads(1)
    return inspect_base(BaseFiles(tiny_base.get_random_base()), torch.device("cpu"))


@pytest.fixture(scope="module")
def texts(base):
    from merlin.engine.trainers.lora.worker.data import ExampleTokenizer

    return ExampleTokenizer(base.tokenizer, base.longest)


@pytest.fixture
def model(base):
    """A base with adapters that change it: their B matrices are not zero."""
    import torch

    from merlin.engine.trainers.lora.worker.model import load_with_adapters

    torch.manual_seed(3)
    settings = {
        "gradient_checkpointing": False,
        "rank": 4,
    }
    peft_model = load_with_adapters(base, settings, torch.device("cpu"))
    for name, part in peft_model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(part, std=0.05)
    return peft_model


def build_step(model, examples, method=SUPERVISED, most=2_048):
    """Return the TrainStep for a batch of all examples."""
    from merlin.engine.trainers.lora.worker.model import join_devices
    from merlin.engine.trainers.lora.worker.train import Plan, TrainStep

    settings = {
        "batch_size": len(examples),
        "n_epochs": 1,
        "learning_rate_multiplier": 1.0,
        "beta": BETA,
    }
    plan = Plan(method, None, 42, settings, examples, [], most)
    return TrainStep(plan, join_devices(TrainingDevices()), model)


def compute_loss(model, examples, *arguments, **settings):
    """Return the mean loss of the batch and its gradient, as one vector."""
    import torch

    train_step = build_step(model, examples, *arguments, **settings)
    sums = train_step.accumulate(examples, 0)
    learning = [part for part in model.parameters() if part.requires_grad]
    gradient = torch.cat([part.grad.flatten() for part in learning])
    train_step.optimizer.zero_grad()
    return sums["loss"] / sums["count"], gradient


@pytest.fixture
def facts(texts, tmp_path):
    """Six examples of several lengths."""
    chosen = dict(list(tiny_base.FACTS.items())[:6])
    long = {
        f"{name} the {'very ' * n * n}first": room for n, (name, room) in enumerate(chosen.items())
    }
    return texts.read_supervised(
        tiny_base.write_examples(tmp_path / "facts.jsonl", long), "training_file"
    )


def decode_target(base, row):
    """Return the target text of a row."""
    pairs = zip(row.ids, row.loss_mask, strict=True)
    return base.tokenizer.decode([token for token, flag in pairs if flag])


def write_messages(path, messages):
    path.write_text(json.dumps({"messages": messages}, ensure_ascii=False) + "\n", "utf-8")
    return path


def test_only_answers_with_nonzero_weight_are_trained(base, texts, tmp_path):
    [(row,)] = texts.read_supervised(write_messages(tmp_path / "talk.jsonl", TALK), "training_file")
    assert decode_target(base, row) == "Глеб и 🦊.<|end|>\nBye!<|end|>\n"
    text = base.tokenizer.decode(row.ids)
    assert text.startswith("<|start|>system\nBe short.<|end|>\n<|start|>user\nWho is there?")
    assert "weight" not in text


def test_answer_before_any_message_is_context(base, texts, tmp_path):
    talk = [{"role": "assistant", "content": "Hello!"}, *TALK[1:]]
    [(row,)] = texts.read_supervised(write_messages(tmp_path / "talk.jsonl", talk), "training_file")
    assert decode_target(base, row) == "Глеб и 🦊.<|end|>\nBye!<|end|>\n"
    assert base.tokenizer.decode(row.ids).startswith("<|start|>assistant\nHello!")


def decode_targets(base, template, path):
    """Return the target texts of the conversation with another template."""
    import copy

    from merlin.engine.trainers.lora.worker.data import ExampleTokenizer

    tokenizer = copy.deepcopy(base.tokenizer)
    tokenizer.chat_template = template
    rows = ExampleTokenizer(tokenizer, base.longest).read_supervised(
        write_messages(path, TALK), "training_file"
    )
    return [decode_target(base, row) for (row,) in rows]


def test_template_that_drops_earlier_thoughts_gives_each_answer_its_own_row(base, tmp_path):
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


def test_supervised_loss_equals_trl(base, model, facts, tmp_path):
    ours, _ = compute_loss(model, facts)
    from trl import SFTConfig, SFTTrainer

    from datasets import Dataset

    rows = [
        {"input_ids": list(row.ids), "completion_mask": list(row.loss_mask)} for (row,) in facts
    ]
    settings = SFTConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=len(rows),
        completion_only_loss=True,
        use_cpu=True,
        bf16=False,
        report_to=[],
    )
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=base.tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    theirs = trainer.compute_loss(trainer.model, batch)
    assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_dpo_loss_equals_trl(base, model, texts, tmp_path):
    chosen = dict(list(tiny_base.FACTS.items())[:4])
    pairs = texts.read_preferences(
        tiny_base.write_preferences(tmp_path / "pairs.jsonl", chosen), "training_file"
    )
    ours, _ = compute_loss(model, pairs, DPO)
    from trl import DPOConfig, DPOTrainer

    from datasets import Dataset

    def split(row):
        cut = row.loss_mask.index(1)
        return list(row.ids[:cut]), list(row.ids[cut:])

    rows = []
    for better, worse in pairs:
        (asked, good), (_, bad) = split(better), split(worse)
        rows.append({"prompt_ids": asked, "chosen_ids": good, "rejected_ids": bad})
    settings = DPOConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=len(rows),
        beta=BETA,
        gradient_checkpointing=False,
        use_cpu=True,
        bf16=False,
        report_to=[],
    )
    examples = [{"prompt": "a", "chosen": "b", "rejected": "c"}]
    trainer = DPOTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(examples),
        processing_class=base.tokenizer,
    )
    # TRL's reference is the initial adapter, ours is the base.
    trainer.model.delete_adapter("ref")
    theirs = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    assert ours == pytest.approx(float(theirs), rel=1e-5)
    assert ours != pytest.approx(0.6931, abs=1e-3), "the adapters change nothing"


def test_splitting_changes_neither_loss_nor_gradient(model, facts):
    import torch

    from merlin.engine.trainers.lora.worker.data import lay_out

    whole, gradient = compute_loss(model, facts)
    pieces, pieces_gradient = compute_loss(model, facts, most=150)
    assert pieces == pytest.approx(whole, rel=1e-5)
    assert torch.allclose(pieces_gradient, gradient, rtol=1e-4, atol=1e-6)
    layouts = list(lay_out(facts, 150, torch.device("cpu")))
    assert len(layouts) > 1
    assert sum(len(layout.ids) for layout in layouts) == len(facts)


def test_example_order_differs_per_epoch_and_is_reproducible():
    from merlin.engine.trainers.lora.worker.data import shuffle

    assert shuffle(50, 42, 1) == shuffle(50, 42, 1)
    assert sorted(shuffle(50, 42, 1)) == list(range(50))
    assert shuffle(50, 42, 1) != shuffle(50, 42, 2)
    assert shuffle(50, 42, 1) != shuffle(50, 43, 1)
