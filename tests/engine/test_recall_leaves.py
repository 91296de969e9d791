"""`merlin models export` where a model has no form for other programs, or is not here."""

import pytest
import yaml

from tests.engine.facts_lab import export, open_facts_lab, until_live
from tests.support.small_disk import fill_disk, small_disk

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A lab whose dataset is live with a `recall`."""
    with open_facts_lab(
        tmp_path_factory.mktemp("recall"), base_model="recall", hyperparameters={}
    ) as lab:
        until_live(lab)
        yield lab


def test_recall_leaves_as_its_own_file_and_says_who_reads_it(lab, tmp_path):
    code, _, err = export(lab, tmp_path / "new")
    assert code == 0
    assert "Only Merlin's engine reads it" in err
    [file] = (tmp_path / "new").iterdir()
    [folder] = (lab.config.state_dir / "engine/models").iterdir()
    assert file.read_bytes() in [path.read_bytes() for path in folder.iterdir()]


@pytest.mark.parametrize("form", ["merged", "ollama"])
def test_recall_has_no_form_of_language_models(lab, tmp_path, form):
    code, _, err = export(lab, tmp_path / "new", "--form", form)
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert f"no form {form}" in err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state_dir": "other"}, "Run the command on the machine where the engine of "),
        (
            {"state_dir": "other", "engine": {"listen": "127.0.0.1:1"}},
            "weights of hosted models don't leave their provider",
        ),
    ],
)
def test_model_that_is_not_in_this_engine_is_refused_by_where_it_is(
    lab, tmp_path, changed, said
):
    config = lab.folder / "elsewhere.yaml"
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    settings["database"] = settings.get("database") or str(
        lab.config.state_dir / "merlin.db"
    )
    config.write_text(yaml.safe_dump({**settings, **changed}), "utf-8")
    code, _, err = export(lab, tmp_path / "new", config=config)
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert said in err


def test_full_disk_leaves_nothing_and_says_so(lab, tmp_path):
    with small_disk(tmp_path / "disk"):
        filler = fill_disk(tmp_path / "disk")
        code, _, err = export(lab, tmp_path / "disk" / "new")
        assert (code, [*(tmp_path / "disk").iterdir()]) == (1, [filler])
    assert "No space left" in err


def test_unknown_model_is_not_found(lab, tmp_path):
    code, _, err = export(lab, tmp_path / "new", model="trial-9")
    assert (code, "trial-9" in err) == (1, True)
