"""A sentence encoder of one's own: a folder with `model.onnx` and `tokenizer.json`."""

import base64
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import openai
import pytest

from merlin.core.encoder import (
    ENCODER_FOLDER,
    FOLDER_PACKAGES,
    count_pieces,
    encode,
)
from tests.engine.running_engine import ANSWER, EngineProcess
from tests.support.machine import skip_or_fail

pytestmark = pytest.mark.integration

# One Gather from a table of six vectors of four numbers, by onnx.helper. Rows 1 and 2 are the same.
MODEL = (
    "2nagv0SYY&1$1FzY-I`wX>M?JbYE#?a}p73VRLj}XlZ0*Wo}<{bYXO5A_hlcbZBLA5(IQ<Zh0zi2nGlQ5CK93bYWs_WlC"
    "TG0000000000000000DwOL0DwOL0000000000000000DwOL000000000000000000000DwOL000000000000000000000D"
    "wOL00000000000DwOL0DwOL000159100(Zg6#UUuk4>5)TRu2nP}g3IYfL3Ih@WZel135o}>|bYEy`WMpM-UvqR}bY&6~3"
    "K0ka5)BFh2muNM5&>=s0tf^`1PTBU4F"
)
WORDS = {"[UNK]": 0, "кот": 1, "котик": 2, "пёс": 3, "ест": 4, "спит": 5}


@pytest.fixture
def folder(tmp_path):
    missing = [name for name in FOLDER_PACKAGES if find_spec(name) is None]
    skip_or_fail(f"not installed: {missing}" if missing else None)
    tokenizers = import_module("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, "[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        "[UNK] $A", None, [("[UNK]", 0)]
    )
    tokenizer.enable_padding(length=16)  # as the files of sentence-transformers have it
    place = tmp_path / "encoder"
    place.mkdir()
    tokenizer.save(str(place / "tokenizer.json"))
    (place / "model.onnx").write_bytes(base64.b85decode(MODEL))
    return place


def test_text_is_the_mean_of_its_tokens_with_length_1(folder, monkeypatch):
    monkeypatch.setenv(ENCODER_FOLDER, str(folder))
    cat, kitty, dog = encode(["кот ест кот", "котик ест котик", "пёс ест пёс"])
    assert np.allclose(cat, np.array([2, 0, 1, 1]) / 6**0.5, atol=1e-3)
    assert np.array_equal(cat, kitty)
    assert float(cat @ dog) < 0.5


def test_pieces_of_a_word_are_those_of_its_own_tokenizer(folder, monkeypatch):
    monkeypatch.setenv(ENCODER_FOLDER, str(folder))
    assert [count_pieces(words) for words in ("кот спит", "пёс-кот спит")] == [2, 4]


def test_text_has_the_same_vector_after_the_memory_was_full(folder, monkeypatch):
    monkeypatch.setenv(ENCODER_FOLDER, str(folder))
    (before,) = encode(["кот спит"])
    encode(["пёс спит"], max_in_memory=0)
    (after,) = encode(["кот спит"])
    assert after is not before
    assert np.array_equal(after, before)


def test_engine_trains_with_it_and_refuses_its_models_with_another(folder, tmp_path):
    engine = EngineProcess(tmp_path / "engine", **{ENCODER_FOLDER: str(folder)})
    try:
        client = engine.start()
        job = client.train()
        assert client.ask(job.fine_tuned_model).choices[0].message.content == ANSWER
        engine.stop()
        engine.environment = {ENCODER_FOLDER: ""}
        with pytest.raises(openai.BadRequestError) as refused:
            engine.start().ask(job.fine_tuned_model)
        assert refused.value.code == "base_changed"
    finally:
        engine.close()
