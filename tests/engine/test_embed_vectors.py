"""Vectors of an ONNX encoder: pooling, batching, and the input limit."""

import json

import pytest

from merlin.config.engine import EngineAnsweringConfig
from merlin.engine.serving.base import Setup
from merlin.engine.serving.transformers import TransformersBackend
from merlin.engine.serving.worker.onnx_encoder import OnnxEncoder
from merlin.openai_protocol.errors import ApiError
from tests.engine.backends_asked import run_with_backend
from tests.engine.tiny_encoder import NAME, build_config, encoder_folder, onnx_encoder

__all__ = ["encoder_folder"]
pytestmark = pytest.mark.functional


def embed(folder, *texts):
    """Return the vectors that a worker computes, and the token count."""
    setup = Setup(str(folder), 0, "auto", "none", True, "cpu", 1, is_onnx=True)
    vectors, tokens = OnnxEncoder(setup).embed(texts)
    return list(vectors), tokens


@pytest.mark.parametrize(
    ("pooling", "same_as"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "врача билет"),
        ({"pooling_mode": "mean"}, "врача билет"),
        ({"pooling_mode_cls_token": True}, "билет"),
        ({"pooling_mode": "cls"}, "билет"),
        (["nonsense"], "врача билет"),
    ],
)
def test_pooling_uses_the_first_token_or_the_mean(encoder_folder, tmp_path, pooling, same_as):
    folder = onnx_encoder(tmp_path / "own")
    (folder / "1_Pooling/config.json").write_text(json.dumps(pooling))
    (vector, expected), _ = embed(folder, "билет врача", same_as)
    assert vector == pytest.approx(expected, abs=1e-6)
    assert sum(number**2 for number in vector) == pytest.approx(1)


def test_batching_with_a_longer_text_does_not_change_a_vector(encoder_folder, tmp_path):
    folder = onnx_encoder(tmp_path / "own")
    (alone,), tokens = embed(folder, "билет")
    (beside, _), both = embed(folder, "билет", "музей врача автобус сад собаку")
    assert alone == pytest.approx(beside, abs=1e-6)
    assert (tokens, both) == (1, 6)


def test_text_over_the_window_is_refused_and_the_next_is_answered(encoder_folder, tmp_path):
    folder, settings = onnx_encoder(tmp_path / "own"), EngineAnsweringConfig()
    # An encoder of this family has two positions fewer for a text than its config says; a larger
    # window in config.yaml adds none.
    config = {"model_type": "xlm-roberta", "max_position_embeddings": 66}
    (folder / "config.json").write_text(json.dumps(config))
    backend = TransformersBackend(
        NAME, build_config(folder, context=80), folder, settings, folder / "log"
    )

    async def embed_in_process(there):
        with pytest.raises(ApiError, match="at most 64 tokens") as refused:
            await there.embed(["билет " * 65])
        assert refused.value.status == 400
        return await there.embed(["билет " * 64])

    assert run_with_backend(backend, embed_in_process)[1] == 64
