"""Tiny random models of the real classes of bases, by the class that their config.json names.

Each has what is odd about its family: layers of several kinds, keys and values that layers share,
towers, experts. Sizes are the smallest that a CPU's attention in vLLM takes.
"""

from collections.abc import Mapping

from merlin.engine.trainers.base import BaseFiles
from tests.engine import tiny_base
from tests.engine.lora_tasks import build_task, train_in_process

STEPS = {"n_epochs": 3, "batch_size": 5, "learning_rate_multiplier": 10.0, "rank": 8}
# The bytes of the tokenizer, and room for the marks of pictures and sound.
_VOCABULARY = 320
_MIXED = ["sliding_attention", "full_attention"] * 2
_MARKS = (
    *(
        "image_token_id",
        "video_token_id",
        "audio_token_id",
        "boi_token_id",
        "eoi_token_id",
    ),
    *(
        "boa_token_id",
        "eoa_token_index",
        "vision_start_token_id",
        "vision_end_token_id",
    ),
    *("image_token_index", "boi_token_index", "eoi_token_index"),
)


def _text(**more):
    """Return the fields of a language model that all families have."""
    return {
        "vocab_size": _VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 512,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
        **more,
    }


def _vision(**more):
    return {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "patch_size": 4,
        **more,
    }


def _qwen3_5():
    text = _text(
        num_hidden_layers=4,
        layer_types=["linear_attention"] * 3 + ["full_attention"],
        linear_num_key_heads=1,
        linear_num_value_heads=2,
        linear_key_head_dim=128,
        linear_value_head_dim=128,
    )
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2}
    vision |= {"out_hidden_size": 64, "patch_size": 4, "spatial_merge_size": 1}
    vision |= {"temporal_patch_size": 1, "num_position_embeddings": 16}
    return {"text_config": text, "vision_config": vision, "tie_word_embeddings": True}


def _gemma3():
    text = _text(num_hidden_layers=4, sliding_window=64, layer_types=_MIXED)
    vision = _vision(image_size=16)
    return {"text_config": text, "vision_config": vision, "mm_tokens_per_image": 16}


def _gemma4():
    """Return E2B and E4B: layers with inputs of their own, the last ones share keys and values."""
    text = _text(
        num_hidden_layers=4,
        layer_types=_MIXED,
        sliding_window=64,
        global_head_dim=32,
        num_kv_shared_layers=2,
        hidden_size_per_layer_input=16,
        vocab_size_per_layer_input=_VOCABULARY,
    )
    vision = _vision(num_key_value_heads=2, head_dim=16)
    return {"text_config": text, "vision_config": vision, "audio_config": None}


def build_gemma4_experts():
    """Return what is other in the text of 26B: experts beside each layer's MLP."""
    return {
        **_gemma4()["text_config"],
        "num_kv_shared_layers": 0,
        "hidden_size_per_layer_input": 0,
        "attention_k_eq_v": True,
        "num_global_key_value_heads": 1,
        "enable_moe_block": True,
        "num_experts": 4,
        "top_k_experts": 2,
        "moe_intermediate_size": 32,
    }


def _gemma4_unified():
    """Return 12B: the values of full attention are its keys, and there is no tower."""
    text = _text(
        num_hidden_layers=4,
        layer_types=_MIXED,
        sliding_window=64,
        global_head_dim=32,
        attention_k_eq_v=True,
        num_global_key_value_heads=1,
    )
    vision = {
        "patch_size": 4,
        "mm_embed_dim": 64,
        "mm_posemb_size": 16,
        "output_proj_dims": 64,
    }
    return {"text_config": text, "vision_config": vision, "audio_config": None}


def _mistral3():
    text = _text(model_type="ministral3", tie_word_embeddings=False)
    vision = _vision(model_type="pixtral", image_size=16, head_dim=16)
    return {"text_config": text, "vision_config": vision, "spatial_merge_size": 1}


def _deepseek():
    """Return GigaChat 3: the first layer dense, then experts, whose kernels take no other sizes."""
    fields = _text(
        num_hidden_layers=2,
        num_key_value_heads=2,
        moe_intermediate_size=64,
        n_routed_experts=4,
        n_group=2,
        topk_group=1,
        num_experts_per_tok=2,
        n_shared_experts=1,
        first_k_dense_replace=1,
        topk_method="noaux_tc",
        q_lora_rank=None,
        kv_lora_rank=512,
        qk_nope_head_dim=64,
        qk_rope_head_dim=64,
        v_head_dim=64,
        tie_word_embeddings=False,
    )
    return {name: value for name, value in fields.items() if name != "head_dim"}


# Class of the configuration, and its fields.
CLASSES: Mapping[str, tuple[str, object]] = {
    "LlamaForCausalLM": ("LlamaConfig", _text),
    "MistralForCausalLM": ("MistralConfig", _text),
    "Qwen2ForCausalLM": ("Qwen2Config", _text),
    "Qwen3ForCausalLM": ("Qwen3Config", _text),
    "Gemma2ForCausalLM": ("Gemma2Config", _text),
    "Gemma3ForCausalLM": ("Gemma3TextConfig", _text),
    "SmolLM3ForCausalLM": ("SmolLM3Config", _text),
    "Phi3ForCausalLM": ("Phi3Config", _text),
    "Qwen3_5ForConditionalGeneration": ("Qwen3_5Config", _qwen3_5),
    "Gemma3ForConditionalGeneration": ("Gemma3Config", _gemma3),
    "Gemma4ForConditionalGeneration": ("Gemma4Config", _gemma4),
    "Gemma4UnifiedForConditionalGeneration": ("Gemma4UnifiedConfig", _gemma4_unified),
    "Mistral3ForConditionalGeneration": ("Mistral3Config", _mistral3),
    "DeepseekV3ForCausalLM": ("DeepseekV3Config", _deepseek),
}


def train_class(folder, name, dtype="float32", **changes):
    """Train a tiny base of a class; return its folder and that of the adapter."""
    base = make_class_base(name, folder / "base", **changes)
    examples = tiny_base.write_examples(folder / "train.jsonl")
    task = build_task(folder / "job", examples, base=BaseFiles(base, dtype), **STEPS)
    assert train_in_process(task)[-1] == {"tell": "done"}
    return base, task.folder / "epochs" / "3"


def make_class_base(name, folder, **changes):
    """Save a tiny random model of a class, with a tokenizer and a template; return the folder."""
    import torch
    import transformers

    kind, fields = CLASSES[name]
    config = getattr(transformers, kind)(**fields() | changes)
    for number, mark in enumerate(_MARKS):
        if hasattr(config, mark):
            setattr(config, mark, _VOCABULARY - 1 - number)
    torch.manual_seed(1)
    model = getattr(transformers, name)(config)
    model.save_pretrained(folder)
    tiny_base.make_tokenizer().save_pretrained(folder)
    return folder
