"""The demo's .gguf file becomes a folder that answers exactly as the original model."""

import json

import pytest

from merlin.core.errors import MerlinError
from merlin.sandbox.demo import place
from tests.engine.tiny_base import get_random_base
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "embed_tokens": "token_embd",
    "norm": "output_norm",
}


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Return the folder in which the base is unpacked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "merlin" / "bases" / place.BASE


def test_unpacked_base_answers_like_the_original(base, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _write(get_random_base(), tmp_path / "tiny.gguf")
    place.unpack_base(tmp_path / "tiny.gguf")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    first = AutoModelForCausalLM.from_pretrained(get_random_base(), dtype=torch.float32)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        assert torch.allclose(model(ids).logits, first(ids).logits, atol=1e-5)
    messages = [{"role": "user", "content": "Where is Anna?"}]
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (base, get_random_base())]
    texts = {tokenizer.apply_chat_template(messages, tokenize=False) for tokenizer in tokenizers}
    assert len(texts) == 1
    assert len({tuple(tokenizer.encode("Anna")) for tokenizer in tokenizers}) == 1
    assert "quantization_config" not in json.loads((base / "config.json").read_text("utf-8"))
    assert [path.name for path in base.parent.iterdir()] == [place.BASE]


def test_file_that_is_no_model_is_refused_and_leaves_nothing(base, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"no model at all" * 99)
    with pytest.raises(MerlinError):
        place.unpack_base(tmp_path / "broken.gguf")
    assert [*base.parent.iterdir()] == []


def _write(folder, path):
    import gguf
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer

    config = json.loads((folder / "config.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config["vocab_size"])
    _add_tokenizer(writer, tokenizer)
    for name, value in load_file(folder / "model.safetensors").items():
        writer.add_tensor(*_tensor(name, value, config["num_attention_heads"]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer, tokenizer):
    import gguf

    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    marks = set(tokenizer.all_special_tokens)
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.CONTROL if one in marks else kinds.NORMAL for one in tokens])
    # Without merges the tokenizer is derived from the vocabulary.
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)


def _tensor(name, value, heads):
    """Return a weight under its GGUF name; rows of q and k in GGUF's order."""
    words = name.removeprefix("model.").removesuffix(".weight").split(".")
    if words[0] != "layers":
        return f"{PARTS[words[0]]}.weight", value
    part = PARTS[".".join(words[2:])]
    if part in ("attn_q", "attn_k"):
        rows, columns = value.shape
        halves = value.reshape(heads, 2, rows // heads // 2, columns)
        value = halves.swapaxes(1, 2).reshape(rows, columns).copy()
    return f"blk.{words[1]}.{part}.weight", value
