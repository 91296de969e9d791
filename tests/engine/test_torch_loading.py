"""How a base is loaded: its threads, and the numbers that its weights are read as."""

import pytest

from merlin.config.engine import select_dtype

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("needs_torch")]


@pytest.fixture
def threads():
    """Two threads of torch, and after the test as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield torch
    torch.set_num_threads(before)


def test_threads_are_chosen_by_the_steps_that_each_number_takes(threads):
    from merlin.engine.torch_loading import choose_threads

    tried = []
    assert choose_threads(lambda: tried.append(threads.get_num_threads())) in (1, 2)
    assert sorted({*tried}) == [1, 2]
    threads.set_num_threads(1)
    tried.clear()
    assert choose_threads(lambda: tried.append(1)) == 1
    assert tried == []


def test_quantised_base_is_computed_in_its_own_dtype():
    import torch

    from merlin.engine.torch_loading import build_quantisation_config

    assert build_quantisation_config("none", torch.bfloat16) is None
    assert build_quantisation_config("8bit", torch.bfloat16).load_in_8bit
    four = build_quantisation_config("4bit", torch.bfloat16)
    assert four.load_in_4bit
    assert four.bnb_4bit_quant_type == "nf4"
    assert four.bnb_4bit_compute_dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "device", "dtype"),
    [
        ("auto", "cpu", "float32"),
        ("auto", "cuda:1", "bfloat16"),
        ("float32", "cuda", "float32"),
        ("bfloat16", "cpu", "bfloat16"),
    ],
)
def test_dtype_of_a_base_is_the_one_that_vllm_is_given(name, device, dtype):
    import torch

    from merlin.engine.torch_loading import choose_dtype

    assert choose_dtype(name, torch.device(device)) is getattr(torch, dtype)
    assert select_dtype(name, device) == dtype
