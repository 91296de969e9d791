"""`merlin models add`: an adapter of another program is proved, tested and live as any other."""

import json
import shutil

import pytest

from tests.engine import tiny_base
from tests.engine.facts_lab import export, open_facts_lab, until_live, until_over
from tests.engine.foreign_adapters import SPOILT, shape_as_llama_factory
from tests.support.pipeline_lab import run_command
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("adapters"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A lab whose dataset is built, and trained by hand only."""
    with open_facts_lab(
        tmp_path_factory.mktemp("arrives"), launch={"mode": "manual"}
    ) as lab:
        lab.tick("fetch")
        yield lab


def add(lab, folder, *options):
    return run_command(
        "models",
        "add",
        "trial",
        str(folder),
        *options,
        "--json",
        "--config",
        str(lab.path),
    )


def read_models(lab):
    """Return `merlin models list --json`."""
    code, out, err = run_command("models", "list", "--json", "--config", str(lab.path))
    assert code == 0, err
    return json.loads(out)


# Each kind of fault at the command; tests/engine/test_arriving.py has every one.
@pytest.mark.parametrize("spoilt", ["not-a-number", "untrained", "other-sizes"])
def test_broken_adapter_never_goes_live(lab, trl, tmp_path, spoilt):
    adapter = shutil.copytree(trl, tmp_path / "adapter")
    (spoil, _) = SPOILT[spoilt]
    spoil(adapter)
    code, _, err = add(lab, adapter)
    assert code == 0, err
    job = until_over(lab)
    assert job["state"] == "failed", job
    assert "serving" not in lab.status()["verdict"]
    assert lab.status()["serving"] is None


def test_adapters_are_proved_tested_and_live_and_rolled_back_as_any_other(
    lab, trl, tmp_path
):
    code, out, err = add(lab, trl)
    assert code == 0, err
    assert json.loads(out)["build"] == "trial-1"
    first = until_live(lab)["model"]
    [model] = [each for each in read_models(lab) if each["model"] == first]
    assert (model["trained"], model["applied"]) == ("elsewhere", "scores")
    assert model["evaluation"]["questions"] >= 4
    code, _, err = add(
        lab, shape_as_llama_factory(trl, tmp_path / "lf"), "--build", "trial-1"
    )
    assert code == 0, err

    def is_other_live():
        lab.tick("launch", "poll", "prove", "promote")
        return lab.status()["serving"]["model"] != first

    wait_until(is_other_live, 240, describe=lab.status)
    second = read_models(lab)[0]
    assert (second["trained"], second["serves"]) == ("elsewhere_from_build", True)
    answer = lab.engine.ask(
        second["model"], tiny_base.make_question("Anna"), max_tokens=20
    )
    assert answer.merlin == {"applied": True}
    code, _, err = run_command("models", "rollback", "trial", "--config", str(lab.path))
    assert code == 0, err
    assert lab.status()["serving"]["model"] == first
    assert export(lab, tmp_path / "out", model=second["model"])[0] == 0
    assert "trained elsewhere from this build" in (
        tmp_path / "out" / "README.md"
    ).read_text("utf-8")
