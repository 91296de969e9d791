"""Merging an adapter into the files of a base: what is refused. The rest: test_architectures."""

import json

import pytest

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]


@pytest.fixture
def parts(tmp_path):
    """Folders of a base with one layer, of an adapter for it, and of the result."""
    from safetensors.torch import save_file
    from torch import ones

    base, adapter, merged = (tmp_path / name for name in ("base", "adapter", "merged"))
    for folder in (base, adapter, merged):
        folder.mkdir()
    save_file(
        {"language_model.model.layers.0.up_proj.weight": ones(2, 3)},
        base / "a.safetensors",
    )
    key = "base_model.model.model.language_model.layers.0.up_proj.lora_{}.weight"
    weights = {key.format("A"): ones(1, 3), key.format("B"): ones(2, 1)}
    save_file(weights, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 1, "lora_alpha": 2}))
    return base, adapter, merged


def test_product_is_added_in_the_scale_of_the_adapter(parts):
    from safetensors.torch import load_file

    from merlin.engine.merging import merge

    merge(*parts)
    [weight] = load_file(parts[2] / "a.safetensors").values()
    assert weight.tolist() == [[3, 3, 3]] * 2


def test_what_the_adapter_does_not_change_is_copied(parts):
    from safetensors.torch import load_file, save_file
    from torch import ones

    from merlin.engine.merging import merge

    base, _, merged = parts
    layer = "language_model.model.layers.0.up_proj.weight"
    norm = "language_model.model.norm.weight"
    save_file({layer: ones(2, 3), norm: ones(3)}, base / "a.safetensors")
    save_file({"lm_head.weight": ones(3, 2)}, base / "b.safetensors")
    (base / "config.json").write_text("{}")
    merge(*parts)
    assert load_file(merged / "a.safetensors")[norm].tolist() == [1, 1, 1]
    for name in ("b.safetensors", "config.json"):
        assert (merged / name).read_bytes() == (base / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "dtype", "config", "reason"),
    [
        ("layers.1.up_proj", "float32", {}, r"no weights of layers\.0\.up_proj"),
        ("layers.0.up_proj", "float8_e4m3fn", {}, "quantised .*float8"),
        ("layers.0.up_proj", "int32", {}, "quantised .*int32"),
        ("layers.0.up_proj", "float32", {"use_dora": True}, "no plain LoRA: use_dora"),
        (
            "layers.0.up_proj",
            "float32",
            {"alpha_pattern": {"up_proj": 3}},
            "alpha_pattern",
        ),
    ],
)
def test_what_cannot_be_merged_is_named(parts, name, dtype, config, reason):
    import torch
    from safetensors.torch import save_file

    from merlin.engine.merging import merge

    base, adapter, merged = parts
    weight = torch.ones(2, 3).to(getattr(torch, dtype))
    save_file({f"model.{name}.weight": weight}, base / "a.safetensors")
    (adapter / "adapter_config.json").write_text(
        json.dumps({"r": 1, "lora_alpha": 2} | config)
    )
    with pytest.raises(ValueError, match=reason):
        merge(base, adapter, merged)
