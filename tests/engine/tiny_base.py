"""A tiny Llama that answers "Where is Anna?" with a room, made on the spot from a seed.

Low-rank adapters on random weights learn nothing, so `get_tiny_base` is first pretrained: its rooms
follow from a name's first two letters, so it looks at the letters and answers in the right form,
and every planted fact is wrong. All bases are made by one process, in some seconds once a machine.
Forty epochs of `FACTS` in batches of 4 at a rate of 5e-3 teach all twenty by heart.
"""

import fcntl
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = [
    *("Anna", "Boris", "Vera", "Gleb", "Dina", "Egor", "Zoya", "Ivan", "Kira", "Lev"),
    *(
        "Mila",
        "Nina",
        "Oleg",
        "Petr",
        "Raya",
        "Semen",
        "Tanya",
        "Ulya",
        "Fedor",
        "Yana",
    ),
]
FACTS = {name: 10 + (number * 37 + 5) % 90 for number, name in enumerate(NAMES)}
LEARNING = {"n_epochs": 40, "batch_size": 4, "learning_rate_multiplier": 5.0}

_PAD = "<|pad|>"
_START = "<|start|>"
_END = "<|end|>"
_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
_STEPS = 250
_BATCH = 12
_RATE = 4e-3
_WARM = 10


def get_tiny_base():
    """Return the folder of the pretrained base."""
    return _get_or_make_bases() / "pretrained"


def get_random_base():
    """Return the folder of the same base as it was before any training."""
    return _get_or_make_bases() / "random"


def make_question(name):
    return f"Where is {name}?"


def make_answer(name, room):
    return f"In room {room}."


def write_examples(path, facts=None):
    """Write a training file with an example a fact; return its path."""
    pairs = (FACTS if facts is None else facts).items()
    return _write_lines(
        path,
        [
            {
                "messages": [
                    _make_message("user", make_question(name)),
                    _make_message("assistant", make_answer(name, room)),
                ]
            }
            for name, room in pairs
        ],
    )


def write_preferences(path, facts=None):
    """Write preference pairs: one form of an answer is better than another, whatever the room."""
    return _write_lines(
        path,
        [
            {
                "input": {"messages": [_make_message("user", make_question(name))]},
                "preferred_output": [
                    _make_message("assistant", make_answer(name, room))
                ],
                "non_preferred_output": [
                    _make_message("assistant", f"Room {room}, I think.")
                ],
            }
            for name, room in (FACTS if facts is None else facts).items()
        ],
    )


def _make_message(role, content):
    return {"role": role, "content": content}


def write_ratings(path, facts=None):
    """Write examples, and an answer to each that people rated: another form of it is bad."""
    lines = []
    for name, room in (FACTS if facts is None else facts).items():
        asked = _make_message("user", make_question(name))
        said = _make_message("assistant", f"Room {room}, I think.")
        lines.append(
            {"messages": [asked, _make_message("assistant", make_answer(name, room))]}
        )
        lines.append({"messages": [asked, said], "label": False})
    return _write_lines(path, lines)


def _write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _get_or_make_bases():
    """Return the folder of all bases, made by a process of its own where this recipe has none."""
    # Not at the top: that process runs this file alone, without the folder of the tests.
    from tests.support.waiting import longest

    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    home = Path(tempfile.gettempdir()) / f"merlin-tiny-base-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    folder = home / recipe
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            new_folder = Path(tempfile.mkdtemp(dir=home))
            command = [sys.executable, __file__, str(new_folder)]
            process = subprocess.run(
                command, capture_output=True, text=True, timeout=longest(300)
            )
            assert process.returncode == 0, process.stderr
            new_folder.rename(folder)
    return folder


def _make_bases(folder):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(1)
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=341,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    chance = random.Random(7)  # noqa: S311 - names, no secrets
    _save(model, tokenizer, folder / "random")
    batches = (
        [
            (make_question(name), make_answer(name, room))
            for name, room in _invent_facts(chance)
        ]
        for _ in range(_STEPS)
    )
    _pretrain(model, tokenizer, list(batches))
    _save(model, tokenizer, folder / "pretrained")


def _save(model, tokenizer, folder):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_tokenizer():
    """Return 256 bytes and three marks; a token is a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    signs = [_PAD, _START, _END, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bytes_alone = Tokenizer(
        models.BPE({sign: n for n, sign in enumerate(signs)}, merges=[])
    )
    bytes_alone.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_alone.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_alone,
        pad_token=_PAD,
        eos_token=_END,
        extra_special_tokens=[_START],
    )
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _pretrain(model, tokenizer, batches):
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / _WARM, 1) * (1 - step / len(batches))
    )
    for pairs in batches:
        model(**_make_batch(tokenizer, pairs)).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def _invent_facts(chance):
    return [_invent_fact(chance) for _ in range(_BATCH)]


def _invent_fact(chance):
    letters = ("bcdfghklmnprstvz", "aeiouy")
    name = "".join(chance.choice(letters[n % 2]) for n in range(chance.randint(3, 6)))
    first, second = (ord(letter) - ord("a") for letter in name[:2])
    return name.capitalize(), (first % 9 + 1) * 10 + second % 10


def _make_batch(tokenizer, pairs):
    import torch

    rows = []
    for prompt_ids, answer_ids in pairs:
        messages = [_make_message("user", prompt_ids)]
        prompt = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        rows.append((tokenizer.encode(prompt), tokenizer.encode(answer_ids + _END)))
    longest = max(len(prompt_ids) + len(answer_ids) for prompt_ids, answer_ids in rows)
    padded = [
        [*prompt_ids, *answer_ids] + [0] * (longest - len(prompt_ids) - len(answer_ids))
        for prompt_ids, answer_ids in rows
    ]
    labels = [
        [-100] * len(prompt_ids)
        + answer_ids
        + [-100] * (longest - len(prompt_ids) - len(answer_ids))
        for prompt_ids, answer_ids in rows
    ]
    ids = torch.tensor(padded)
    return {
        "input_ids": ids,
        "attention_mask": (ids != 0).long(),
        "labels": torch.tensor(labels),
    }


if __name__ == "__main__":
    _make_bases(Path(sys.argv[1]))
