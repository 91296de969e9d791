"""A base from the hub: resumed, verified, and installed atomically."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from merlin.core.errors import LeadTaken, Refused
from merlin.engine.model_store.store import read_card
from merlin.engine.trainers.base import Untrainable
from tests.engine.base_library import Library
from tests.engine.hub_standin import COMMIT, LICENCE, REPOSITORY, HubStandIn, make_base_files
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

WEIGHTS = "model.safetensors"
# The chunk size of the hub's client in bytes.
WRITTEN = 10 * 1024 * 1024
PULL = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
    "from tests.engine.base_library import Library; Library.create(Path(sys.argv[2])).pull()"
)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with HubStandIn() as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "client"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield standin


@pytest.fixture
def library(hub, tmp_path):
    return Library.create(tmp_path / "engine")


def test_a_base_comes_with_a_card_of_every_file(hub, library):
    progress = []
    card, is_new = library.pull(progress)
    folder = library.folder()
    assert is_new
    assert {path.name for path in folder.iterdir()} == {*hub.files, "merlin.json"}
    assert all((folder / name).read_bytes() == content for name, content in hub.files.items())
    assert (card.source, card.revision, card.commit) == (REPOSITORY, "main", COMMIT)
    assert (card.licence, card.parameters, card.context) == (LICENCE, 6000, 512)
    assert read_card(folder) == card
    assert (WEIGHTS, len(hub.files[WEIGHTS]), len(hub.files[WEIGHTS])) in progress
    assert library.entries == {"tiny"}


def test_of_an_onnx_encoder_its_one_file_and_its_pooling_are_fetched(hub, tmp_path):
    expected = {
        "config.json": b'{"max_position_embeddings": 512}',
        "tokenizer.json": b"{}",
        "onnx/model.onnx": b"weights",
        "1_Pooling/config.json": b"{}",
    }
    others = ("model.safetensors", "onnx/model_fp16.onnx", "pytorch_model.bin", "onnx/run.py")
    hub.files = expected | dict.fromkeys(others, b"x")
    library = Library.create(tmp_path / "engine", backend="onnx", embeddings=True)
    card, _ = library.pull()
    assert set(card.files) == set(expected)
    assert (library.folder() / "onnx/model.onnx").read_bytes() == b"weights"


def test_an_encoder_without_an_onnx_file_is_refused_before_anything_comes(hub, tmp_path):
    library = Library.create(tmp_path / "engine", backend="onnx", embeddings=True)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-no-onnx"
    assert hub.list_ranges("tokenizer.json") == []


def test_only_what_loads_without_code_is_fetched(hub, library):
    hub.files |= {"modeling_tiny.py": b"1/0", "pytorch_model.bin": b"x", "onnx/model.onnx": b"y"}
    library.pull()
    assert not {"modeling_tiny.py", "pytorch_model.bin", "onnx"} & {
        path.name for path in library.folder().iterdir()
    }
    assert not [path for _, path, _ in hub.requests if path.endswith((".py", ".bin", ".onnx"))]


def test_what_is_whole_is_not_asked_for_again(hub, library):
    library.pull()
    hub.requests.clear()
    _, is_new = library.pull()
    assert (is_new, hub.requests) == (False, [])


def test_a_broken_connection_goes_on_by_a_range(hub, library):
    hub.files = make_base_files(rows=250_000)
    hub.break_at(WEIGHTS, at=15_000_000)
    library.pull()
    assert hub.list_ranges(WEIGHTS) == [None, f"bytes={WRITTEN}-"]
    assert (library.folder() / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_killed_pull_goes_on_where_it_was(hub, library):
    hub.files = make_base_files(rows=250_000)
    hub.stall_at(WEIGHTS, at=15_000_000)
    part = library.root / ".tiny.part" / f"{WEIGHTS}.part"
    command = [sys.executable, "-c", PULL, str(Path(__file__).parents[2]), str(library.engine)]
    with subprocess.Popen(command) as pulling:
        wait_until(lambda: part.exists() and part.stat().st_size == WRITTEN)
        pulling.kill()
    assert library.entries == {".tiny.part"}
    with pytest.raises(Untrainable, match="base_not_pulled"):
        library.folder()
    hub.resume()
    hub.requests.clear()
    wait_until(library.is_free)
    library.pull()
    assert hub.list_ranges(WEIGHTS) == [f"bytes={WRITTEN}-"]
    assert hub.list_ranges("config.json") == []
    assert (library.folder() / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_wrong_checksum_is_refused_and_thrown_away(hub, library):
    hub.files_with_wrong_digest.add(WEIGHTS)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, refused.value.arguments["file"]) == (
        "library-wrong-checksum",
        WEIGHTS,
    )
    assert library.entries == {".tiny.part"}
    hub.files_with_wrong_digest.clear()
    library.pull()
    assert library.entries == {"tiny"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"hub": "anna/unknown"}, "library-not-at-hub"),
        ({"revision": "v9"}, "library-no-revision"),
    ],
)
def test_what_the_hub_does_not_know_is_told(library, change, key):
    library.model = library.model.model_copy(update=change)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == key


def test_a_gated_base_needs_a_token_of_who_accepted_its_licence(hub, library, monkeypatch):
    hub.gate = "hf_token"
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-gated"
    monkeypatch.setenv("HF_TOKEN", "hf_token")
    library.pull()
    assert library.folder()


@pytest.mark.parametrize(
    ("status", "key"), [(401, "library-not-at-hub"), (503, "library-hub-refuses")]
)
def test_a_hub_that_refuses_is_told(hub, library, status, key):
    hub.status = status
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == key


def test_a_hub_that_cannot_be_reached_is_told(library, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-away"


def test_weights_that_are_pickled_alone_are_not_fetched(hub, library):
    hub.files["pytorch_model.bin"] = hub.files.pop(WEIGHTS)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-no-safetensors"
    assert not hub.list_ranges("pytorch_model.bin")


def test_without_the_network_the_clients_cache_is_asked(hub, library, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, hub.requests) == ("library-offline", [])
    cached = tmp_path / "client" / "hub" / "models--anna--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(COMMIT)
    (cached / "snapshots" / COMMIT).mkdir(parents=True)
    for name, content in make_base_files().items():
        (cached / "snapshots" / COMMIT / name).write_bytes(content)
    card, _ = library.pull()
    assert (card.commit, hub.requests) == (COMMIT, [])


def test_a_base_that_was_damaged_comes_again_as_it_was(hub, library):
    library.pull()
    weights = library.folder() / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(Untrainable, match="base_damaged"):
        library.folder()
    hub.requests.clear()
    _, is_new = library.pull()
    assert is_new
    assert f"/api/models/{REPOSITORY}/revision/{COMMIT}" in {path for _, path, _ in hub.requests}
    assert library.folder()


def test_a_base_from_elsewhere_is_pulled_anew_unless_models_stand_on_it(hub, library):
    library.pull()
    library.model = library.model.model_copy(update={"revision": COMMIT})
    with pytest.raises(Untrainable, match="library-other-source"):
        library.folder()
    library.add_tuned_models("ft:tiny:a", "ft:tiny:b")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, refused.value.arguments["n"]) == ("library-swapped", 2)
    library.remove(is_forced=True)
    card, _ = library.pull()
    assert card.revision == COMMIT


def test_two_pulls_at_once_are_one_too_many(library):
    with library.hold_lock(), pytest.raises(LeadTaken) as refused:
        library.pull()
    assert refused.value.key == "library-busy"


def test_a_base_that_needs_more_than_the_disk_has_is_not_begun(hub, library):
    real = hub.build_card
    hub.build_card = lambda: {
        **real(),
        "siblings": [{**sibling, "size": 10**15} for sibling in real()["siblings"]],
    }
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-no-room"
    assert refused.value.arguments["needed"] == 5000000.1
    assert not hub.list_ranges("config.json")
