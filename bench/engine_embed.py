"""What `engine_recall` and `engine_conformance` measure, of `embed` on the tests' tiny encoder.

The encoder looks words up and takes their mean, so its own time says nothing of a real one's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.engine_conformance import conform
from bench.engine_recall import measure


def run(_: Sequence[str] = ()) -> None:
    """Print the figures of `embed`."""
    from tests.engine.tiny_encoder import NAME, onnx_encoder

    with tempfile.TemporaryDirectory() as place:
        folder = str(onnx_encoder(Path(place)))
        models = {NAME: {"path": folder, "backend": "onnx", "embeddings": True}}
        measure(NAME, models)
        conform(NAME, models)
