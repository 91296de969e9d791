"""A base in a local folder: used in place after a check."""

import json

import pytest

from merlin.core.errors import Refused
from merlin.core.i18n import LANGUAGES, text
from merlin.engine.model_store import list_warnings
from merlin.engine.trainers.base import Untrainable
from tests.engine.base_library import Library, write_base

pytestmark = pytest.mark.functional


@pytest.fixture
def library(tmp_path):
    return Library.create(tmp_path / "engine", write_base(tmp_path / "base"))


def test_folder_is_used_in_place_without_a_pull(library, tmp_path):
    assert library.folder() == tmp_path / "base"
    assert not library.pull()
    assert not library.root.exists()


@pytest.mark.parametrize(
    ("without", "fields", "key"),
    [
        ("config.json", {}, "library-no-config"),
        ("tokenizer_config.json", {}, "library-no-template"),
        ("README.md", {"tokenizer_config.json": b"[" * 100_000}, "library-no-template"),
        ("model.safetensors", {"pytorch_model.bin": b"x"}, "library-no-weights"),
    ],
)
def test_folder_that_is_not_a_base_is_refused_with_what_it_lacks(
    library, tmp_path, without, fields, key
):
    (tmp_path / "base" / without).unlink()
    write_base(tmp_path / "base", fields)
    with pytest.raises(Untrainable) as refused:
        library.folder()
    error = refused.value
    assert (error.code, error.key, error.param) == ("base_unusable", key, "model")
    for language in LANGUAGES:
        assert str(tmp_path / "base") in text(language, error.key, **error.arguments)
    with pytest.raises(Refused) as not_pulled:
        library.pull()
    assert not_pulled.value.key == key


def test_folder_of_a_class_that_cannot_be_trained_is_refused_by_pull_and_answers(
    library, tmp_path
):
    config = {"architectures": ["LibraForCausalLM"], "model_type": "llama"}
    write_base(tmp_path / "base", {"config.json": json.dumps(config).encode()})
    with pytest.raises(Refused, match="LibraForCausalLM"):
        library.pull()
    assert library.folder() == tmp_path / "base"


QWEN = "Qwen3_5ForConditionalGeneration"
NO_4BIT = "library-advises-no-4bit"
SAMPLING = "library-advises-sampling"


@pytest.mark.parametrize(
    ("kind", "quantised", "generation", "advised"),
    [
        (QWEN, "none", {"do_sample": True}, []),
        (QWEN, "8bit", {"do_sample": True, "temperature": 0.7}, []),
        (QWEN, "4bit", {"do_sample": True}, [NO_4BIT]),
        (QWEN, "none", {"temperature": 0.7}, [SAMPLING]),
        (
            QWEN,
            "none",
            {"do_sample": True, "temperature": 0},
            [SAMPLING],
        ),
        (QWEN, "4bit", None, [NO_4BIT, SAMPLING]),
        ("Qwen3ForCausalLM", "4bit", None, []),
        ("LibraForCausalLM", "4bit", None, []),
    ],
)
def test_what_the_makers_of_a_base_advise_against_is_told(
    library, tmp_path, kind, quantised, generation, advised
):
    folder = write_base(
        tmp_path / "base",
        {"config.json": json.dumps({"architectures": [kind]}).encode()},
    )
    if generation is not None:
        write_base(folder, {"generation_config.json": json.dumps(generation).encode()})
    model = library.model.model_copy(update={"quantised": quantised})
    absent = model.model_copy(update={"path": str(tmp_path / "nowhere")})
    models = {"absent": absent, "tiny": model}
    found = list(list_warnings(models, library.engine))
    assert found == [("tiny", key) for key in advised]


def test_missing_folder_is_named(library, tmp_path):
    library.model = library.model.model_copy(update={"path": str(tmp_path / "nowhere")})
    with pytest.raises(Untrainable, match="library-no-folder"):
        library.folder()
