"""Run `engine_recall` and `engine_conformance` with `embed` on the tests' tiny encoder.

That encoder averages word vectors, so its speed says nothing about a real encoder.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.engine_conformance import check_conformance
from bench.engine_recall import measure


def run(_: Sequence[str] = ()) -> None:
    """Print the figures of `embed`."""
    from tests.engine.tiny_encoder import NAME, onnx_encoder

    with tempfile.TemporaryDirectory() as temporary:
        folder = str(onnx_encoder(Path(temporary)))
        models = {NAME: {"path": folder, "backend": "onnx", "embeddings": True}}
        measure(NAME, models)
        check_conformance(NAME, models)
