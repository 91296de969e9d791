"""`merlin models export`: a tuned model in a folder that other programs load as it answers here."""

import json

import pytest
import yaml

from merlin.engine.proof import TOLERANCE, compute_distance, read_proof
from tests.engine import tiny_base
from tests.engine.facts_lab import export, open_facts_lab, until_live

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("torch"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A lab whose dataset is live with a tuned model."""
    with open_facts_lab(tmp_path_factory.mktemp("leaves")) as lab:
        lab.model_id = until_live(lab)["model"]
        yield lab


@pytest.fixture(scope="module")
def adapter(lab, tmp_path_factory):
    """The exported adapter's folder."""
    folder = tmp_path_factory.mktemp("out") / "rooms"
    code, _, err = export(lab, folder)
    assert code == 0, err
    return folder


@pytest.fixture(scope="module")
def merged(lab, tmp_path_factory):
    """The folder of the model merged with its base, for Ollama."""
    folder = tmp_path_factory.mktemp("merged") / "rooms"
    code, _, err = export(lab, folder, "--form", "ollama")
    assert code == 0, err
    return folder


def score(model, folder):
    """Return the distance of a loaded model's scores from those that the trainer wrote."""
    from merlin.engine.torch_loading import score_tokens

    proof = read_proof(folder)
    assert proof.is_decidable
    return compute_distance(score_tokens(model.eval(), proof.questions), proof.tuned)


def test_card_is_read_by_the_hubs_own_classes(lab, adapter):
    from huggingface_hub import ModelCard

    card = ModelCard.load(adapter / "README.md")
    data = card.data
    assert (data.base_model, data.library_name) == (
        str(tiny_base.get_tiny_base()),
        "peft",
    )
    assert (data.base_model_relation, data.license, data.language) == (
        "adapter",
        "other",
        ["en"],
    )
    assert data.datasets == ["trial"]
    results = {each.metric_type: each for each in data.eval_results}
    with lab.services() as services:
        from merlin.training.models import proof_of

        scores = proof_of(services.db, lab.model("trial-1").model_row)
    assert results["accuracy"].metric_value == round(scores.right / scores.questions, 4)
    assert data.merlin["build"] == "trial-1"
    assert data.merlin["commit"] == lab.repository.head()
    for said in (
        "16 учебных примеров от 1 человека, 4 тестовых вопроса",
        "лицензия не названа",
    ):
        assert said in card.text
    assert "отозван" not in card.text


def test_folder_of_a_build_is_a_dataset_of_the_hub(lab, tmp_path):
    from huggingface_hub import DatasetCard

    from datasets import load_dataset

    [folder] = (lab.config.state_dir / "builds/trial").iterdir()
    assert DatasetCard.load(folder / "README.md").data.pretty_name == "Trial"
    splits = load_dataset(str(folder), cache_dir=str(tmp_path))
    assert {name: len(rows) for name, rows in splits.items()} == {
        "train": 16,
        "test": 4,
    }
    assert splits["test"][0]["messages"][-1]["role"] == "assistant"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("folder", ["adapter", "merged"])
def test_lines_of_the_card_load_the_model(request, folder, monkeypatch):
    exported = request.getfixturevalue(folder)
    monkeypatch.chdir(exported)
    lines = (
        (exported / "README.md")
        .read_text("utf-8")
        .split("```python\n")[1]
        .split("```")[0]
    )
    loaded = {}
    exec(lines, loaded)  # noqa: S102 - our own text, as a reader runs it
    assert score(loaded["model"], exported) < TOLERANCE / 10
    assert loaded["tokenizer"].chat_template


def test_test_questions_leave_as_promptfoos_list(adapter):
    tests = yaml.safe_load((adapter / "test_questions.yaml").read_text("utf-8"))
    name = [*tiny_base.FACTS][-1]
    [mine] = [each for each in tests if each["description"] == name.lower()]
    assert mine["vars"]["question"] == tiny_base.make_question(name)
    assert [each["role"] for each in json.loads(mine["vars"]["messages"])] == [
        "system",
        "user",
    ]
    assert mine["assert"][0]["value"] == tiny_base.make_answer(
        name, tiny_base.FACTS[name]
    )


def test_existing_folder_is_left_as_it_is(lab, tmp_path):
    code, _, err = export(lab, tmp_path)
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "--to" in err


def test_export_that_fails_leaves_no_folder(lab, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    code, _, err = export(lab, tmp_path / "new")
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "huggingface_hub" in err


def test_json_names_form_and_folder(lab, tmp_path):
    code, out, _ = export(lab, tmp_path / "new", "--json")
    assert code == 0
    told = {"model": lab.model_id, "form": "adapter", "folder": str(tmp_path / "new")}
    assert json.loads(out) == told


@pytest.mark.parametrize(("names", "words"), [([], "tiny"), (["tiny"], "config.json")])
def test_model_whose_base_is_gone_does_not_leave(lab, tmp_path, names, words):
    base = tmp_path / "base"
    base.mkdir()
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    settings["engine"]["models"] = {name: {"path": str(base)} for name in names}
    config = lab.folder / "without-base.yaml"
    config.write_text(yaml.safe_dump(settings), "utf-8")
    code, _, err = export(lab, tmp_path / "new", config=config)
    assert (code, [*tmp_path.iterdir()], words in err) == (1, [base], True), err


def test_merged_model_has_no_adapter_and_says_that_it_is_tuned(merged):
    config = json.loads((merged / "config.json").read_bytes())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert {"adapter_config.json", "adapter_model.safetensors"}.isdisjoint(
        path.name for path in merged.iterdir()
    )
    card = (merged / "README.md").read_text("utf-8")
    assert "base_model_relation: finetune" in card
    assert "library_name: transformers" in card


def test_modelfile_asks_as_the_base_is_trained(merged):
    modelfile = (merged / "Modelfile").read_text("utf-8")
    assert modelfile.startswith('FROM .\nTEMPLATE """{{ range $i, $m := .Messages }}')
    assert "<|start|>system\n{{ $m.Content }}<|end|>\n<|start|>user\n" in modelfile
    assert 'SYSTEM """Отвечай коротко."""' in modelfile
    assert 'PARAMETER stop "<|end|>"' in modelfile
