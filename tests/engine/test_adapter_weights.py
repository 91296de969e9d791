"""Which adapters have numbers that can be computed with, in each type that servers load."""

import json
import struct
from math import inf, nan

import pytest

from merlin.engine.adapter_weights import are_sound

pytestmark = pytest.mark.unit


def pack(dtype, number):
    if dtype == "BF16":
        return struct.pack("<f", number)[2:]
    return struct.pack({"F32": "<f", "F16": "<e"}[dtype], number)


def write(folder, numbers, dtype="F32", alpha=8, change=lambda header: header):
    """Write the two matrices of one layer, of two numbers each."""
    config = {"r": 4, "lora_alpha": alpha}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    content = b"".join(pack(dtype, number) for number in numbers)
    half = len(content) // 2
    places = {"A": [0, half], "B": [half, 2 * half]}
    header = {
        f"q_proj.lora_{side}.weight": {"dtype": dtype, "shape": [2], "data_offsets": at}
        for side, at in places.items()
    }
    text = json.dumps({"__metadata__": {}, **change(header)}).encode()
    path = folder / "adapter_model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize(
    ("numbers", "alpha", "is_sound"),
    [
        ((0.5, -0.25, 0.0, -2.0), 8, True),
        ((0.0, 0.0, 0.0, 0.0), 8, True),
        ((0.5, 1.0, nan, 0.0), 8, False),
        ((-inf, 1.0, 0.0, 0.0), 8, False),
        ((0.5, -100.0, 20.0, 0.0), 4.5, True),
        ((0.5, -100.0, 20.0, 0.0), 5.5, False),
        ((0.5, -100.0, 20.0, 0.0), -5.5, False),
        ((60_000.0, 60_000.0, 0.0, 0.0), 8, True),
        ((1.0, 1.0, 1.0, 1.0), 1e300, False),
    ],
)
def test_numbers_are_finite_and_what_they_add_is_small(
    tmp_path, dtype, numbers, alpha, is_sound
):
    write(tmp_path, numbers, dtype, alpha)
    assert are_sound(tmp_path) is is_sound


@pytest.mark.parametrize("alpha", [nan, inf, "16", None, True, int("9" * 400)])
def test_scale_that_is_no_number_is_damage(tmp_path, alpha):
    write(tmp_path, (1.0,) * 4, alpha=alpha)
    with pytest.raises(ValueError, match="number"):
        are_sound(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: {
            name: each | {"dtype": "F8_E4M3"} for name, each in header.items()
        },
        lambda header: {name: each | {"dtype": "C64"} for name, each in header.items()},
        lambda header: {
            name: each | {"data_offsets": 3} for name, each in header.items()
        },
        dict.fromkeys,
    ],
)
def test_tensors_of_another_form_are_damage(tmp_path, change):
    write(tmp_path, (1.0,) * 4, change=change)
    with pytest.raises(ValueError, match="is damaged"):
        are_sound(tmp_path)
