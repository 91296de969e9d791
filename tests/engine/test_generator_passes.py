"""Bases of several builds: rows of different lengths together, or one by one where they must."""

from __future__ import annotations

import pytest

from tests.engine.backends_asked import quiet

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": None,
}
SLIDING = {"sliding_window": 6}
MIXED = ["sliding_attention", "full_attention"] * 2
TOGETHER = {
    "Llama": {},
    "Qwen2": {},
    "Qwen3": {"layer_types": MIXED, "use_sliding_window": True, **SLIDING},
    "Mistral": SLIDING,
    "Gemma2": {"layer_types": MIXED, **SLIDING},
    "Gemma3Text": {"layer_types": MIXED, **SLIDING},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "Phi3": {},
}
ALONE = {
    "Mamba": {"state_size": 4, "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 64},
    "Bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64},
}
PROMPTS = [[5, 6, 7], [9] * 20 + [3], [11, 2, 33, 44, 51, 17, 8], [60]]


def model_of(kind, options):
    import torch

    with quiet():
        import transformers

        config = getattr(transformers, f"{kind}Config")(**options)
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    # Far apart, so that no rounding decides which token is the likeliest.
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model


def passes_for(model):
    import torch

    from merlin.engine.serving.worker.base import choose_passes
    from merlin.engine.serving.worker.forward import AdapterStack

    with quiet(), torch.inference_mode():
        return choose_passes(model, AdapterStack(model))


def said_alone(model, prompt, steps):
    """Return the likeliest tokens, the whole text read anew for each."""
    import torch

    tokens = list(prompt)
    with quiet(), torch.inference_mode():
        for _ in range(steps):
            logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits
            tokens.append(int(logits[0, -1].argmax()))
    return tokens[len(prompt) :]


def said_together(passes, prompts, steps):
    """Return the likeliest tokens of rows that join one a step; the first leaves half-way."""
    import torch

    memory, said, rows = passes.memory(0), [[] for _ in prompts], []
    with quiet(), torch.inference_mode():
        for step in range(steps + len(prompts)):
            if step < len(prompts):
                joining = passes.memory(1)
                said[step].append(best(passes.read(joining, [prompts[step]], [None]))[0])
                memory.take(joining)
                rows.append(step)
            last = [said[row][-1:] for row in rows]
            tokens = best(passes.read(memory, last, [None] * len(rows)))
            for row, token in zip(rows, tokens, strict=True):
                said[row].append(token)
            if step == steps // 2:
                memory.drop(0)
                rows[0] = rows[-1]
                rows.pop()
    return said


def best(logits):
    return logits.argmax(-1).tolist()


@pytest.mark.parametrize("kind", TOGETHER)
def test_rows_together_say_what_each_says_alone(kind):
    model = model_of(kind, TOGETHER[kind] if kind == "GPT2" else {**SMALL, **TOGETHER[kind]})
    passes, why = passes_for(model)
    assert (type(passes).__name__, why) == ("Together", "")
    for prompt, said in zip(PROMPTS, said_together(passes, PROMPTS, 12), strict=True):
        assert said == said_alone(model, prompt, len(said))
    assert len({tuple(said[:6]) for said in said_together(passes, PROMPTS, 12)}) > 1


@pytest.mark.parametrize("kind", ALONE)
def test_a_base_that_cannot_be_batched_goes_row_by_row_and_says_why(kind):
    model = model_of(kind, ALONE[kind])
    passes, why = passes_for(model)
    assert type(passes).__name__ == "OneByOne"
    assert why
    for prompt, said in zip(PROMPTS, said_together(passes, PROMPTS, 8), strict=True):
        assert said == said_alone(model, prompt, len(said))
