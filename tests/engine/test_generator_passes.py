"""Models of several architectures: rows of different lengths in one batch, or one by one."""

import pytest

from tests.engine.backends_asked import ignore_warnings

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
BATCHED = {
    "Llama": {},
    "Qwen2": {},
    "Qwen3": {"layer_types": MIXED, "use_sliding_window": True, **SLIDING},
    "Mistral": SLIDING,
    "Gemma2": {"layer_types": MIXED, **SLIDING},
    "Gemma3Text": {"layer_types": MIXED, **SLIDING},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "Phi3": {},
}
SEQUENTIAL = {
    "Mamba": {"state_size": 4, "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 64},
    "Bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64},
}
PROMPTS = [[5, 6, 7], [9] * 20 + [3], [11, 2, 33, 44, 51, 17, 8], [60]]


def build_model(kind, options):
    import torch

    with ignore_warnings():
        import transformers

        config = getattr(transformers, f"{kind}Config")(**options)
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(config).eval()
    # Large weights, so that rounding does not change the argmax.
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model


def choose_passes_for(model):
    import torch

    from merlin.engine.serving.worker.base import choose_passes
    from merlin.engine.serving.worker.forward import AdapterStack

    with ignore_warnings(), torch.inference_mode():
        return choose_passes(model, AdapterStack(model))


def generate_alone(model, prompt, steps):
    """Return the greedy tokens, without a cache."""
    import torch

    tokens = list(prompt)
    with ignore_warnings(), torch.inference_mode():
        for _ in range(steps):
            logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits
            tokens.append(int(logits[0, -1].argmax()))
    return tokens[len(prompt) :]


def generate_together(passes, prompts, steps):
    """Return the greedy tokens of rows that join one per step; the first leaves half-way."""
    import torch

    cache, generated, rows = passes.create_cache(0), [[] for _ in prompts], []
    with ignore_warnings(), torch.inference_mode():
        for step in range(steps + len(prompts)):
            if step < len(prompts):
                joining = passes.create_cache(1)
                generated[step].append(choose_best(passes.run(joining, [prompts[step]], [None]))[0])
                cache.append_rows(joining)
                rows.append(step)
            last = [generated[row][-1:] for row in rows]
            tokens = choose_best(passes.run(cache, last, [None] * len(rows)))
            for row, token in zip(rows, tokens, strict=True):
                generated[row].append(token)
            if step == steps // 2:
                cache.remove_row(0)
                rows[0] = rows[-1]
                rows.pop()
    return generated


def choose_best(logits):
    return logits.argmax(-1).tolist()


@pytest.mark.parametrize("kind", BATCHED)
def test_batched_rows_equal_separate_answers(kind):
    model = build_model(kind, BATCHED[kind] if kind == "GPT2" else {**SMALL, **BATCHED[kind]})
    passes, why = choose_passes_for(model)
    assert (type(passes).__name__, why) == ("BatchedPasses", "")
    for prompt, generated in zip(PROMPTS, generate_together(passes, PROMPTS, 12), strict=True):
        assert generated == generate_alone(model, prompt, len(generated))
    assert len({tuple(generated[:6]) for generated in generate_together(passes, PROMPTS, 12)}) > 1


@pytest.mark.parametrize("kind", SEQUENTIAL)
def test_base_that_cannot_be_batched_runs_row_by_row_with_a_reason(kind):
    model = build_model(kind, SEQUENTIAL[kind])
    passes, why = choose_passes_for(model)
    assert type(passes).__name__ == "SequentialPasses"
    assert why
    for prompt, generated in zip(PROMPTS, generate_together(passes, PROMPTS, 8), strict=True):
        assert generated == generate_alone(model, prompt, len(generated))
