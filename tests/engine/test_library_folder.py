"""A base in a local folder: used in place after a check."""

import json

import pytest

from merlin.core.errors import Refused
from merlin.core.i18n import LANGUAGES, text
from merlin.engine.model_store import read_context
from merlin.engine.trainers.base import Untrainable
from tests.engine.base_library import Library, write_base
from tests.engine.hub_standin import make_base_files

pytestmark = pytest.mark.functional

WEIGHTS = "model.safetensors"
SHARDS = {
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    ).encode(),
    "model-1.safetensors": make_base_files()[WEIGHTS],
    "model-2.safetensors": make_base_files()[WEIGHTS],
}


@pytest.fixture
def library(tmp_path):
    return Library.create(tmp_path / "engine", write_base(tmp_path / "base"))


def test_folder_is_used_in_place_without_a_pull(library, tmp_path):
    assert library.folder() == tmp_path / "base"
    assert read_context(library.folder()) == 512


@pytest.mark.parametrize(
    ("without", "fields", "key"),
    [
        (["config.json"], {}, "library-no-config"),
        (["tokenizer.json"], {}, "library-no-tokenizer"),
        (["tokenizer_config.json"], {}, "library-no-template"),
        ([WEIGHTS], {}, "library-no-weights"),
        ([WEIGHTS], {"pytorch_model.bin": b"x"}, "library-pickled"),
        ([WEIGHTS], {"model.pt": b"x"}, "library-pickled"),
        ([WEIGHTS, *list(SHARDS)[2:]], dict(list(SHARDS.items())[:2]), "library-no-shard"),
    ],
)
def test_folder_that_is_not_a_base_is_refused_with_what_it_lacks(
    library, tmp_path, without, fields, key
):
    for name in without:
        (tmp_path / "base" / name).unlink(missing_ok=True)
    write_base(tmp_path / "base", fields)
    with pytest.raises(Untrainable) as refused:
        library.folder()
    error = refused.value
    assert (error.code, error.key, error.param) == ("base_unusable", key, "model")
    for language in LANGUAGES:
        assert str(tmp_path / "base") in text(language, error.key, **error.arguments)


def test_missing_folder_is_named(library, tmp_path):
    library.model = library.model.model_copy(update={"path": str(tmp_path / "nowhere")})
    with pytest.raises(Untrainable, match="library-no-folder"):
        library.folder()


def test_weights_may_be_in_several_files(library, tmp_path):
    (tmp_path / "base" / WEIGHTS).unlink()
    write_base(tmp_path / "base", SHARDS)
    assert library.folder() == tmp_path / "base"


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "weights",
    [b"\xff" * 20, len(DEEP).to_bytes(8, "little") + DEEP, SHARDS["model-1.safetensors"][:-1]],
)
def test_broken_weights_are_refused(library, tmp_path, weights):
    (tmp_path / "base" / WEIGHTS).write_bytes(weights)
    with pytest.raises(Untrainable, match="library-broken-weights"):
        library.folder()
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-broken-weights"


@pytest.mark.parametrize(
    ("file", "content", "key"),
    [
        ("tokenizer_config.json", DEEP, "library-no-template"),
        ("model.safetensors.index.json", DEEP, "library-no-shard"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": []}}', "library-no-shard"),
    ],
)
def test_unreadable_description_of_a_base_is_refused(library, tmp_path, file, content, key):
    (tmp_path / "base" / file).write_bytes(content)
    with pytest.raises(Untrainable, match=key):
        library.folder()
