"""A base from the hub: resumed, verified, and installed atomically."""

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


def test_files_that_load_without_code_are_pulled_once_with_a_card(hub, library):
    loadable, progress = dict(hub.files), []
    hub.files |= {"modeling_tiny.py": b"1/0", "pytorch_model.bin": b"x", "onnx/model.onnx": b"y"}
    card, is_new = library.pull(progress)
    folder = library.folder()
    assert is_new
    assert {path.name for path in folder.iterdir()} == {*loadable, "merlin.json"}
    assert all((folder / name).read_bytes() == content for name, content in loadable.items())
    assert not [path for _, path, _ in hub.requests if path.endswith((".py", ".bin", ".onnx"))]
    assert (card.source, card.revision, card.commit) == (REPOSITORY, "main", COMMIT)
    assert (card.licence, card.parameters, card.context) == (LICENCE, 6000, 512)
    assert read_card(folder) == card
    assert (WEIGHTS, len(hub.files[WEIGHTS]), len(hub.files[WEIGHTS])) in progress
    assert library.entries == {"tiny"}
    hub.requests.clear()
    _, is_new = library.pull()
    assert (is_new, hub.requests) == (False, [])


def test_interrupted_download_continues_with_a_range_request(hub, library):
    hub.files = make_base_files(rows=250_000)
    hub.break_at(WEIGHTS, at=15_000_000)
    library.pull()
    assert hub.list_ranges(WEIGHTS) == [None, f"bytes={WRITTEN}-"]
    assert (library.folder() / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_killed_pull_continues_where_it_stopped(hub, library):
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


def test_wrong_checksum_is_refused_and_the_file_deleted(hub, library):
    hub.files_with_wrong_digest.add(WEIGHTS)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, refused.value.arguments["file"]) == (
        "library-wrong-checksum",
        WEIGHTS,
    )
    assert library.entries == {".tiny.part"}
    hub.files_with_wrong_digest.clear()
    # The next pull is of another commit, which has other contents of a file that is complete.
    hub.files["config.json"] = b'{"model_type": "llama", "max_position_embeddings": 256}'
    card, _ = library.pull()
    assert library.entries == {"tiny"}
    assert card.context == 256


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"hub": "anna/unknown"}, "library-not-at-hub"),
        ({"revision": "v9"}, "library-no-revision"),
    ],
)
def test_unknown_repository_revision_or_file_is_reported(library, change, key):
    library.model = library.model.model_copy(update=change)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == key


def test_gated_base_needs_a_token(hub, library, monkeypatch):
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
def test_hub_error_is_reported(hub, library, status, key):
    hub.status = status
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == key


def test_unreachable_hub_is_reported(library, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-unreachable"


def test_pickled_weights_are_not_fetched(hub, library):
    hub.files["pytorch_model.bin"] = hub.files.pop(WEIGHTS)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-no-safetensors"
    assert not hub.list_ranges("pytorch_model.bin")


def test_offline_mode_reads_the_clients_cache(hub, library, monkeypatch, tmp_path):
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


def test_damaged_base_is_pulled_again_at_the_same_commit(hub, library):
    library.pull()
    weights = library.folder() / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(Untrainable, match="base_damaged"):
        library.folder()
    hub.requests.clear()
    _, is_new = library.pull()
    assert is_new
    assert f"/api/models/{REPOSITORY}/revision/{COMMIT}" in {path for _, path, _ in hub.requests}
    folder = library.folder()
    folder.rename(folder.with_name(".tiny.old"))  # as if killed while it was replaced
    _, is_new = library.pull()
    assert not is_new
    assert library.folder() == folder


def test_base_of_another_source_is_pulled_again_unless_tuned_models_use_it(hub, library):
    library.pull()
    library.model = library.model.model_copy(update={"revision": COMMIT})
    with pytest.raises(Untrainable, match="library-other-source"):
        library.folder()
    library.add_tuned_models("ft:tiny:a", "ft:tiny:b")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, refused.value.arguments["n"]) == ("library-source-in-use", 2)
    library.remove(is_forced=True)
    card, _ = library.pull()
    assert card.revision == COMMIT


def test_second_concurrent_pull_is_refused(library):
    with library.hold_lock(), pytest.raises(LeadTaken) as refused:
        library.pull()
    assert refused.value.key == "library-busy"
