"""The backends of an engine: each is made for the first call to its base."""

import asyncio

import pytest

from merlin.config.engine import EngineModelConfig, EngineSettings
from merlin.engine.bases import BackendRegistry, build_bases
from merlin.openai_protocol.errors import ApiError
from tests.engine.base_library import write_base

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("serving", ["transformers", "vllm"])
def test_language_model_starts_no_process_before_a_question(tmp_path, serving):
    model = EngineModelConfig(path=str(write_base(tmp_path / "base")))
    models = {"tiny": model}
    settings = EngineSettings(tmp_path, "", 0, "", models=models, serving=serving)
    bases = build_bases(settings)
    assert bases["tiny"].files().folder == tmp_path / "base"
    backends = BackendRegistry(bases, None)
    assert backends.get_backend("tiny") is backends.get_backend("tiny")
    [(name, figures)] = backends.figures()
    assert (name, any(figures.values())) == ("tiny", False)
    assert not (tmp_path / "logs").exists()
    asyncio.run(backends.close())


def test_base_that_is_no_longer_configured_is_not_found():
    with pytest.raises(ApiError, match="is no longer in") as refused:
        BackendRegistry({}, None).get_backend("gone")
    assert refused.value.status == 404
