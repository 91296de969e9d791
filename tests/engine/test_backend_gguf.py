"""PEFT adapters as GGUF: read back and compared with the arithmetic of both sides."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from merlin.engine.serving.gguf_adapter import Inconvertible, build_file_name, write_adapter
from tests.engine.peft_folder import (
    ALPHA,
    HEAD,
    HEADS,
    KV_HEADS,
    LAYERS,
    RANK,
    WIDTH,
    write_base_config,
    write_tuned_adapter,
)

pytestmark = [pytest.mark.functional, pytest.mark.usefixtures("needs_torch")]

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
PLACES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "mlp.down_proj": "ffn_down"}


def convert(folder, kind="llama", **tuning):
    """Return the adapter's tensors, and the fields and tensors of its GGUF file."""
    import gguf

    adapter, tensors = write_tuned_adapter(folder / "adapter", **tuning)
    target = folder / "adapter.gguf"
    write_adapter(adapter.path, write_base_config(folder / "base", kind), target)
    reader = gguf.GGUFReader(target)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    return tensors, fields, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


def get_pair(tensors, layer, module):
    name = f"base_model.model.model.layers.{layer}.{module}"
    return tensors[f"{name}.lora_A.weight"], tensors[f"{name}.lora_B.weight"]


def rotate_halves(heads, angle):
    """Rotate halves, as RoPE in transformers: the first half of a head with the second."""
    first, second = heads[:, : HEAD // 2], heads[:, HEAD // 2 :]
    turned = first * np.cos(angle) - second * np.sin(angle)
    return np.concatenate([turned, second * np.cos(angle) + first * np.sin(angle)], axis=1)


def rotate_neighbours(heads, angle):
    """Rotate adjacent pairs, as RoPE in llama.cpp for llama."""
    even, odd = heads[:, ::2], heads[:, 1::2]
    turned = np.empty_like(heads)
    turned[:, ::2] = even * np.cos(angle) - odd * np.sin(angle)
    turned[:, 1::2] = odd * np.cos(angle) + even * np.sin(angle)
    return turned


def test_file_names_its_architecture_type_alpha_and_tensors(tmp_path):
    _, fields, gguf_tensors = convert(tmp_path)
    assert fields["general.architecture"] == "llama"
    assert (fields["general.type"], fields["adapter.type"]) == ("adapter", "lora")
    assert fields["adapter.lora.alpha"] == ALPHA
    names = {
        f"blk.{layer}.{location}.weight.lora_{side}"
        for layer in range(LAYERS)
        for location in PLACES.values()
        for side in "ab"
    }
    assert set(gguf_tensors) == names


def test_layers_without_heads_keep_the_order_of_their_rows(tmp_path):
    tensors, _, gguf_tensors = convert(tmp_path)
    for layer in range(LAYERS):
        a, b = get_pair(tensors, layer, "mlp.down_proj")
        assert np.array_equal(gguf_tensors[f"blk.{layer}.ffn_down.weight.lora_a"], a)
        assert np.array_equal(gguf_tensors[f"blk.{layer}.ffn_down.weight.lora_b"], b)


def test_attention_scores_are_equal_on_both_sides(tmp_path):
    """Compare q·k of two positions, through W + BA and each side's RoPE."""
    tensors, _, gguf_tensors = convert(tmp_path)
    draw = np.random.default_rng(2)
    scale, angle = ALPHA / RANK, np.array([1.0, 0.3, 0.1, 0.01])
    ours, theirs = [], []
    for module, location, count, position in (
        ("self_attn.q_proj", "attn_q", HEADS, 7),
        ("self_attn.k_proj", "attn_k", KV_HEADS, 3),
    ):
        weight = draw.normal(size=(count * HEAD, WIDTH))
        inputs = draw.normal(size=WIDTH)
        a, b = get_pair(tensors, 1, module)
        heads = ((weight + scale * b @ a) @ inputs).reshape(count, HEAD)
        ours.append(rotate_halves(heads, angle * position))
        # The row order that convert_hf_to_gguf gives the base.
        order = [
            head * HEAD + half * HEAD // 2 + step
            for head in range(count)
            for step in range(HEAD // 2)
            for half in range(2)
        ]
        a, b = (gguf_tensors[f"blk.1.{location}.weight.lora_{side}"] for side in "ab")
        heads = ((weight[order] + scale * b @ a) @ inputs).reshape(count, HEAD)
        theirs.append(rotate_neighbours(heads, angle * position))
    shared = np.repeat(np.arange(KV_HEADS), HEADS // KV_HEADS)
    scores = [np.einsum("hd,hd->h", q, k[shared]) for q, k in (ours, theirs)]
    assert np.allclose(*scores, rtol=1e-5)


def test_families_that_rotate_halves_in_llama_cpp_keep_their_rows(tmp_path):
    tensors, fields, document = convert(tmp_path, "qwen3")
    assert fields["general.architecture"] == "qwen3"
    _, b = get_pair(tensors, 0, "self_attn.q_proj")
    assert np.array_equal(document["blk.0.attn_q.weight.lora_b"], b)


def test_rank_stabilised_scale_is_kept(tmp_path):
    _, fields, _ = convert(tmp_path, use_rslora=True)
    # llama.cpp scales by alpha / rank, rank-stabilised adapters by alpha / sqrt(rank).
    assert fields["adapter.lora.alpha"] / RANK == pytest.approx(ALPHA / RANK**0.5)


def test_bfloat16_weights_are_read(tmp_path):
    import gguf

    adapter, tensors = write_tuned_adapter(tmp_path / "adapter")
    name, matrix = next(iter(tensors.items()))
    short = (matrix.view("<u4") >> 16).astype("<u2")
    entry = {"dtype": "BF16", "shape": matrix.shape, "data_offsets": [0, short.nbytes]}
    header = json.dumps({name: entry}).encode()
    weights = struct.pack("<Q", len(header)) + header + short.tobytes()
    (adapter.path / "adapter_model.safetensors").write_bytes(weights)
    write_adapter(adapter.path, write_base_config(tmp_path / "base"), tmp_path / "a.gguf")
    (gguf_tensors,) = gguf.GGUFReader(tmp_path / "a.gguf").tensors
    assert np.allclose(gguf_tensors.data, matrix, rtol=2**-7)


@pytest.mark.parametrize(
    ("kind", "tuning", "message"),
    [
        ("mamba", {}, "`mamba` are not converted"),
        ("llama", {"use_dora": True}, "use_dora"),
        ("llama", {"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ],
)
def test_adapter_llama_cpp_cannot_represent_is_refused_without_a_file_left(
    tmp_path, kind, tuning, message
):
    with pytest.raises(Inconvertible, match=message):
        convert(tmp_path, kind, **tuning)
    assert not list(tmp_path.glob("*.gguf*"))


def test_adapter_converted_by_hand_has_the_name_that_the_engine_looks_for(tmp_path):
    adapter, _ = write_tuned_adapter(tmp_path / "adapter")
    command = [sys.executable, "-m", "merlin.engine.serving.gguf_adapter"]
    folders = [str(adapter.path), str(write_base_config(tmp_path / "base"))]
    completed = subprocess.run([*command, *folders], cwd=tmp_path, env=ENVIRONMENT, check=True)
    assert completed.returncode == 0
    assert (tmp_path / build_file_name(adapter.digest)).read_bytes().startswith(b"GGUF")
    wrong = subprocess.run([*command, *folders[::-1]], env=ENVIRONMENT, capture_output=True)
    assert wrong.returncode == 1
    assert b"adapter_model.safetensors" in wrong.stderr
