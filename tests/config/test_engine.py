"""Where a base model's files lie, and the type of its weights."""

from pathlib import Path

import pytest

from merlin.config.engine import EngineModelConfig, select_dtype

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        ({"path": "/srv/bases/small"}, "/srv/bases/small"),
        ({"hub": "a/b"}, "/engine/bases/a--b@main"),
        ({"hub": "a/b", "revision": "c/d"}, "/engine/bases/a--b@c--d"),
    ],
)
def test_files_are_in_their_own_folder_or_among_the_downloads(base, folder):
    config = EngineModelConfig.model_validate(base)
    assert config.locate(Path("/engine")) == Path(folder)


@pytest.mark.parametrize(
    ("name", "device", "dtype"),
    [
        ("auto", "cpu", "float32"),
        ("auto", "cuda:1", "bfloat16"),
        ("float32", "cuda:1", "float32"),
        ("bfloat16", "cpu", "bfloat16"),
    ],
)
def test_type_of_the_weights_follows_the_device_unless_it_is_set(name, device, dtype):
    assert select_dtype(name, device) == dtype
