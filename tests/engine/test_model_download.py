"""A base from the hub: resumed, verified, and installed atomically."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from merlin.core.errors import Refused
from merlin.engine.model_download import require_extra
from merlin.engine.trainers.base import Untrainable
from tests.engine.base_library import Library, write_base
from tests.engine.hub_standin import COMMIT, HubStandIn, make_base_files
from tests.support.http_servers import serve_http
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("needs_torch")]

WEIGHTS = "model.safetensors"
PULL = (
    "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
    "from tests.engine.base_library import Library; Library.create(Path(sys.argv[2])).pull()"
)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serve_http(HubStandIn()) as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        # The client of this process read the variable when it was imported.
        client = "huggingface_hub.constants"
        template = f"{standin.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        names = {"ENDPOINT": standin.url, "HUGGINGFACE_CO_URL_TEMPLATE": template}
        for name, value in names.items():
            monkeypatch.setattr(f"{client}.{name}", value)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "client"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield standin


@pytest.fixture
def library(hub, tmp_path):
    return Library.create(tmp_path / "engine")


def test_files_that_load_without_code_are_pulled_once(hub, library):
    loadable = dict(hub.files)
    hub.files |= {
        "modeling_tiny.py": b"1/0",
        "pytorch_model.bin": b"x",
        "onnx/model.onnx": b"y",
    }
    assert library.pull()
    folder = library.folder()
    assert {path.name for path in folder.iterdir()} - {".cache"} == {*loadable}
    assert all(
        (folder / name).read_bytes() == content for name, content in loadable.items()
    )
    assert not [
        path for _, path, _ in hub.requests if path.endswith((".py", ".bin", ".onnx"))
    ]
    assert library.entries == {folder.name} == {"anna--tiny@main"}
    hub.requests.clear()
    assert (library.pull(), hub.requests) == (False, [])


def test_class_that_cannot_be_trained_is_refused_before_its_weights_are_downloaded(
    hub, library
):
    hub.files["config.json"] = hub.files["config.json"].replace(
        b"LlamaFor", b"LibraFor"
    )
    with pytest.raises(Refused) as refused:
        library.pull()
    assert (refused.value.key, refused.value.arguments["kind"]) == (
        "engine-base-unknown",
        "LibraForCausalLM",
    )
    assert not hub.list_ranges(WEIGHTS)


def has_large_file(folder):
    """Return whether a file of a megabyte lies below a folder, in which files are renamed."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.lstat().st_size > 1_000_000:
                return True
    return False


def test_killed_pull_keeps_the_files_that_were_complete(hub, library):
    hub.files = make_base_files(rows=250_000)
    hub.stall_at(WEIGHTS, at=15_000_000)
    command = [
        sys.executable,
        "-c",
        PULL,
        str(Path(__file__).parents[2]),
        str(library.engine),
    ]
    with subprocess.Popen(command) as pulling:
        wait_until(
            lambda: (
                has_large_file(library.root)
                and list(library.root.glob("*/config.json"))
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
    assert library.entries == {library.folder().name}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"hub": "anna/unknown"}, "library-not-at-hub"),
        ({"revision": "v9"}, "library-not-at-hub"),
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


def test_hub_error_is_reported(hub, library):
    hub.status = 503
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-unreachable"
    assert "503" in refused.value.arguments["reason"]


@pytest.mark.parametrize(
    ("name", "value"), [("ENDPOINT", "http://127.0.0.1:9"), ("HF_HUB_OFFLINE", True)]
)
def test_unreachable_hub_is_reported(library, monkeypatch, name, value):
    monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-hub-unreachable"


def test_disk_that_refuses_is_not_called_an_error_of_the_hub(library):
    library.root.mkdir(parents=True)
    (library.root / ".anna--tiny@main").write_text("a file where a folder must be")
    with pytest.raises(NotADirectoryError):
        library.pull()


def test_packages_that_a_pull_or_a_training_needs_are_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setitem(sys.modules, "peft", None)
    for call, package in ((library.pull, "huggingface_hub"), (require_extra, "peft")):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.key == "library-no-extra"
        assert refused.value.arguments["package"] == package


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_text('{"version": "1.0"}')]
)
def test_tokenizer_is_checked_where_transformers_is_installed(
    tmp_path, monkeypatch, damage
):
    base = write_base(tmp_path / "base")
    damage(base / "tokenizer.json")
    library = Library.create(tmp_path / "engine", base)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "engine-lora-damaged"
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert not library.pull()


def test_pickled_weights_are_not_fetched(hub, library):
    hub.files["pytorch_model.bin"] = hub.files.pop(WEIGHTS)
    with pytest.raises(Refused) as refused:
        library.pull()
    assert refused.value.key == "library-no-weights"
    assert not hub.list_ranges("pytorch_model.bin")


def test_another_revision_is_another_download(library):
    library.pull()
    first = library.folder()
    library.model = library.model.model_copy(update={"revision": COMMIT})
    with pytest.raises(Untrainable, match="base_not_pulled"):
        library.folder()
    assert library.pull()
    assert library.entries == {first.name, library.folder().name}
