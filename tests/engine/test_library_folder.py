"""A base in a local folder: used in place after a check."""

import json

import pytest

from merlin.core.errors import NotFound, Refused
from merlin.core.i18n import LANGUAGES, text
from merlin.engine.model_store.store import list_bases
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


def list_entries(library, **options):
    return list(list_bases({"tiny": library.model}, library.engine, **options))


def test_folder_is_used_in_place_without_a_pull(library, tmp_path):
    assert library.folder() == tmp_path / "base"
    (entry,) = list_entries(library)
    assert (entry.state, entry.parameters, entry.context) == ("ready", 6000, 512)


def test_pull_checks_the_folder_and_leaves_its_files_unchanged(library, tmp_path):
    before = {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()}
    card, _ = library.pull()
    assert set(card.files) == set(before)
    assert {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()} == before
    assert [path.name for path in (library.root / "tiny").iterdir()] == ["merlin.json"]


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


def test_weights_in_several_files_are_counted_together(library, tmp_path):
    (tmp_path / "base" / WEIGHTS).unlink()
    write_base(tmp_path / "base", SHARDS)
    card, _ = library.pull()
    assert card.parameters == 12_000


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "weights",
    [b"\xff" * 20, len(DEEP).to_bytes(8, "little") + DEEP, SHARDS["model-1.safetensors"][:-1]],
)
def test_broken_weights_are_refused_and_listed(library, tmp_path, weights):
    (tmp_path / "base" / WEIGHTS).write_bytes(weights)
    (entry,) = list_entries(library)
    assert (entry.state, entry.problem.key) == ("base_unusable", "library-broken-weights")
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


def test_file_changed_after_the_pull_is_found_by_size_or_digest(library, tmp_path):
    library.pull()
    weights = tmp_path / "base" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert [entry.state for entry in list_entries(library)] == ["ready"]
    (entry,) = list_entries(library, is_thorough=True)
    assert (entry.state, entry.problem.arguments["file"]) == ("base_damaged", WEIGHTS)
    weights.write_bytes(b"")
    assert [entry.state for entry in list_entries(library)] == ["base_damaged"]


def test_base_with_tuned_models_is_removed_only_when_forced(library, tmp_path):
    library.pull()
    library.add_tuned_models("ft:tiny:a")
    (entry,) = list_entries(library)
    assert entry.dependents == ["ft:tiny:a"]
    with pytest.raises(Refused) as refused:
        library.remove()
    assert refused.value.key == "library-in-use"
    freed, is_kept = library.remove(is_forced=True)
    assert freed > 0
    assert is_kept
    assert library.folder() == tmp_path / "base"
    assert library.entries == set()
    assert (library.root / ".tiny.lock").exists(), "another process may hold it"


@pytest.mark.parametrize("name", ["other", "..", ".tiny.part", "../base", "", "tiny/.."])
def test_only_library_entries_can_be_removed(library, tmp_path, name):
    from merlin.engine.model_store.store import remove

    library.pull()
    with pytest.raises(NotFound):
        remove(name, {"tiny": library.model}, library.engine)
    assert (tmp_path / "base").is_dir()


def test_base_no_longer_configured_is_still_listed(library):
    library.pull()
    (entry,) = list_bases({}, library.engine)
    assert (entry.name, entry.state) == ("tiny", "left_over")
