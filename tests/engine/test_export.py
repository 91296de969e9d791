"""The forms in which a model leaves the engine's folder, without the command that asks for them."""

import json
import shutil
import signal
import threading
from contextlib import closing
from math import nan

import psutil
import pytest

from merlin.config.engine import EngineModelConfig
from merlin.core.errors import Refused
from merlin.engine.database import Database
from merlin.engine.export import (
    StoredModel,
    find_stored,
    write_adapter,
    write_merged,
    write_recall,
    write_whole,
)
from merlin.engine.jobs import Job
from merlin.engine.storage import Repositories
from tests.engine import tiny_base
from tests.engine.backends_asked import ReferenceModel
from tests.support.ending import wait_for_end
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.functional,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]

# It leaves out what the system says.
TEMPLATE = (
    "{% for m in messages if m.role != 'system' %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    "{# raise_exception #}"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folder of a base whose template has to be adapted."""
    folder = tmp_path_factory.mktemp("base") / "base"
    shutil.copytree(tiny_base.get_random_base(), folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    return folder


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory):
    """A model with an adapter of this base."""
    folder = tmp_path_factory.mktemp("tuned") / "adapter"
    ReferenceModel(base).adapter(folder, seed=1)
    return StoredModel("ft:tiny", "tiny", folder)


@pytest.fixture
def copied(tuned, tmp_path):
    """The same in a folder that a test may spoil."""
    folder = shutil.copytree(tuned.weights, tmp_path / "adapter")
    return StoredModel(tuned.name, tuned.base, folder)


def merge(stored, base, folder, system=None):
    folder.mkdir()
    model = EngineModelConfig(path=str(base))
    return write_merged(stored, model, base, folder, "cpu", system)


def test_merged_model_scores_as_its_adapter_and_has_what_ollama_reads(
    tuned, base, tmp_path
):
    assert merge(tuned, base, tmp_path / "new", "Be short.") < 0.01
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert {"Modelfile", "config.json", "model.safetensors", "proof.json"} <= names
    assert "adapter_config.json" not in names
    assert 'SYSTEM """Be short."""' in (tmp_path / "new/Modelfile").read_text()
    template = (tmp_path / "new/chat_template.jinja").read_text()
    assert (template.endswith(TEMPLATE), template == TEMPLATE) == (True, False)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_merged_model_that_scores_otherwise_is_refused(copied, base, tmp_path):
    from safetensors.torch import load_file, save_file

    path = copied.weights / "adapter_model.safetensors"
    weights = load_file(path)
    next(iter(weights.values()))[0, 0] = nan
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(Refused) as refused:
        merge(copied, base, tmp_path / "new")
    assert refused.value.key == "export-differs"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (signal.SIGKILL, "the process was killed, most likely for want of memory"),
        (signal.SIGTERM, f"exit code {-signal.SIGTERM}"),
    ],
)
def test_process_that_ends_without_a_result_is_explained(
    tuned, base, tmp_path, how, reason
):
    def find_child():
        return next(
            (
                child
                for child in psutil.Process().children()
                if "merlin.engine.export_child" in child.cmdline()
            ),
            None,
        )

    killer = threading.Thread(target=lambda: wait_until(find_child).send_signal(how))
    killer.start()
    with pytest.raises(Refused) as refused:
        merge(tuned, base, tmp_path / "new")
    wait_for_end(killer)
    assert refused.value.key == "export-not-merged"
    assert refused.value.arguments["reason"] == reason


def test_adapter_that_cannot_be_merged_is_told_with_the_reason(copied, base, tmp_path):
    from merlin.engine.export_child import main

    path = copied.weights / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"use_dora": True}))
    task = {"base": str(base), "adapter": str(copied.weights), "folder": str(tmp_path)}
    result = main(task | {"dtype": "auto", "device": "cpu", "system": None})
    assert result == {"failed": "ValueError: adapter is no plain LoRA: use_dora"}


def test_class_that_ollama_does_not_know_is_refused(tuned, tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["LibraForCausalLM"]}')
    with pytest.raises(Refused) as refused:
        merge(tuned, tmp_path, tmp_path / "new", "Be short.")
    assert refused.value.key == "export-no-ollama"
    assert refused.value.arguments["kind"] == "LibraForCausalLM"


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ({"hub": "makers/tiny", "revision": "v2"}, ("makers/tiny", "v2")),
        ({"path": "/bases/tiny"}, ("/bases/tiny", None)),
    ],
)
def test_adapter_names_where_its_base_is_found(tuned, base, tmp_path, place, found):
    write_adapter(tuned, EngineModelConfig(**place), base, tmp_path / "new")
    config = json.loads((tmp_path / "new/adapter_config.json").read_bytes())
    assert (config["base_model_name_or_path"], config["revision"]) == found
    assert (tmp_path / "new/tokenizer.json").is_file()


def test_folder_appears_whole_or_not_at_all(tmp_path):
    write_whole(tmp_path / "new", lambda part: (part / "file").write_text("x"))
    assert (tmp_path / "new/file").read_text() == "x"
    with pytest.raises(Refused, match="exists"):
        write_whole(tmp_path / "new", lambda _: None)
    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "other", lambda _: 1 / 0)
    assert not (tmp_path / "other").exists()


def test_model_is_found_by_its_name_in_the_folder_of_an_engine(tmp_path):
    assert find_stored(tmp_path, "ft:recall") is None
    job = Job("recall", "supervised", "file-1", None, "", 1, {}, {})
    with closing(Database(tmp_path / "engine.db")) as database:
        repositories = Repositories(database, tmp_path)
        repositories.jobs.create(job)
        models = repositories.models
        digest = models.write(job, 1, lambda path: path.write_bytes(b"weights"))
        models.record(job, 1, {}, digest, is_final=True)
    assert find_stored(tmp_path, "ft:recall") is None
    stored = find_stored(tmp_path, job.model_name)
    assert (stored.name, stored.is_recall) == (job.model_name, True)
    write_recall(stored, tmp_path)
    assert (tmp_path / "recall.npz").read_bytes() == b"weights"
