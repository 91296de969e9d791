"""The recipe of the page Proof, walked: an adapter spoilt on purpose answers nobody."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from merlin.app import models
from merlin.app.actor import Actor
from merlin.cli import main
from merlin.wiring.context import open_reading_context
from tests.e2e.separate_processes import (
    SERVE_S,
    wait_for_answer,
    wait_for_engine,
    wait_for_serving,
)
from tests.engine import tiny_base
from tests.engine.torch_here import needs_torch  # noqa: F401 - a fixture
from tests.support.forked_processes import run_processes
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("needs_torch"),
    pytest.mark.weekly("adapters"),
]

PAGE = Path(__file__).parents[2] / "docs/en/proof.md"


@pytest.fixture
def tuned_lab(lab):
    """A lab that has trained `recall` with the facts of the tiny base, and trains it next."""
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    settings["engine"]["models"] = {"tiny": {"path": str(tiny_base.get_tiny_base())}}
    lab.path.write_text(yaml.safe_dump(settings), "utf-8")
    for number, (name, room) in enumerate(tiny_base.FACTS.items()):
        words = {"question": tiny_base.make_question(name)}
        lab.repository.example(
            "trial", number, answer=tiny_base.make_answer(name, room), **words
        )
    lab.repository.commit()
    return lab


def test_a_spoilt_adapter_is_refused_and_the_model_before_it_answers(
    tuned_lab, telegram, capsys
):
    lab = tuned_lab
    (spoil,) = re.findall(r"^\$ (sed .*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    with run_processes(lab.path, "engine", "daemon", "bot"):
        wait_for_serving(lab, "trial-1")
        learning = {**tiny_base.LEARNING, "n_epochs": 8}
        recipe = {
            "provider": "engine",
            "base_model": "tiny",
            "hyperparameters": learning,
        }
        lab.repository.dataset(count=0, recipe=recipe)
        lab.repository.commit_example(
            "trial", 20, question="Where is Igor?", answer="In room 7."
        )
        wait_for_serving(lab, "trial-2")
        telegram.say("anna", tiny_base.make_question("Anna"))
        wait_for_answer(telegram, "In room")
    subprocess.run(["bash", "-c", spoil], cwd=lab.folder, check=True)
    with run_processes(lab.path, "engine", "daemon", "bot"):
        wait_for_engine(lab)
        telegram.say("anna", tiny_base.make_question("Boris"))
        assert tiny_base.make_answer("Boris", tiny_base.FACTS["Boris"]) in (
            wait_for_answer(telegram, "прежняя модель, trial-1").text
        )
        wait_until(lambda: "not applied" in list_models(lab, capsys), SERVE_S)
    with open_reading_context(lab.config) as ctx:
        tuned, _ = models.list_recent(ctx, Actor.operator())
    assert (tuned.build, tuned.display_state) == ("trial-2", "unapplied")
    assert "adapter_inert" in tuned.note


def list_models(lab, capsys):
    assert main(["models", "list", "--config", str(lab.path)]) == 0
    return capsys.readouterr().out
