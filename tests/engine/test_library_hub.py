"""A base from the hub: resumed, verified, and installed atomically."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from merlin.core.durable_files import folder_bytes
from merlin.core.errors import Refused
from merlin.engine.model_store import ModelCard, read_card
from merlin.engine.trainers.base import Untrainable
from tests.engine.base_library import Library
from tests.engine.hub_standin import COMMIT, REPOSITORY, HubStandIn, make_base_files
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

WEIGHTS = "model.safetensors"
PULL = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
    "from tests.engine.base_library import Library; Library.create(Path(sys.argv[2])).pull()"
)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with HubStandIn() as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        # The client of this process read the variable when it was imported.
        client = "huggingface_hub.constants"
        monkeypatch.setattr(f"{client}.ENDPOINT", standin.url)
        template = f"{standin.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(f"{client}.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "client"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield standin


@pytest.fixture
def library(hub, tmp_path):
    return Library.create(tmp_path / "engine")


def test_files_that_load_without_code_are_pulled_once_with_a_card(hub, library):
    loadable = dict(hub.files)
    hub.files |= {"modeling_tiny.py": b"1/0", "pytorch_model.bin": b"x", "onnx/model.onnx": b"y"}
    assert library.pull()
    folder = library.folder()
    assert {path.name for path in folder.iterdir()} == {*loadable, "merlin.json"}
    assert all((folder / name).read_bytes() == content for name, content in loadable.items())
    assert not [path for _, path, _ in hub.requests if path.endswith((".py", ".bin", ".onnx"))]
    assert read_card(folder) == ModelCard(REPOSITORY, "main", COMMIT)
    assert library.entries == {"tiny"}
    hub.requests.clear()
    assert (library.pull(), hub.requests) == (False, [])


def test_killed_pull_keeps_the_files_that_were_complete(hub, library):
    hub.files = make_base_files(rows=250_000)
    hub.stall_at(WEIGHTS, at=15_000_000)
    command = [sys.executable, "-c", PULL, str(Path(__file__).parents[2]), str(library.engine)]
    with subprocess.Popen(command) as pulling:
        wait_until(
            lambda: (
                folder_bytes(library.root) > 1_000_000 and list(library.root.glob("*/config.json"))
            )
        )
        pulling.kill()
    with pytest.raises(Untrainable, match="base_not_pulled"):
        library.folder()
    hub.resume()
    hub.requests.clear()
    library.pull()
    assert hub.list_ranges("config.json") == []
    assert (library.folder() / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert library.entries == {"tiny"}


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
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-unreachable"


def test_pickled_weights_are_not_fetched(hub, library):
    hub.files["pytorch_model.bin"] = hub.files.pop(WEIGHTS)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-no-safetensors"
    assert not hub.list_ranges("pytorch_model.bin")


def test_offline_mode_is_named(hub, library, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, hub.requests) == ("library-offline", [])


def test_damaged_base_is_pulled_again_at_the_same_commit(hub, library):
    library.pull()
    weights = library.folder() / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(Untrainable, match="base_damaged"):
        library.folder()
    hub.requests.clear()
    assert library.pull()
    assert f"/api/models/{REPOSITORY}/revision/{COMMIT}" in {path for _, path, _ in hub.requests}
    assert library.folder()


def test_base_of_another_source_is_pulled_again_unless_tuned_models_use_it(library):
    library.pull()
    library.model = library.model.model_copy(update={"revision": COMMIT})
    with pytest.raises(Untrainable, match="library-other-source"):
        library.folder()
    library.add_tuned_models("ft:tiny:a", "ft:tiny:b")
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, refused.value.arguments["n"]) == ("library-source-in-use", 2)
    shutil.rmtree(library.root / "tiny")
    library.pull()
    assert read_card(library.folder()).revision == COMMIT
