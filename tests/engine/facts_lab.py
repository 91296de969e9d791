"""A dataset of the tiny base's facts in git, trained by an engine that tests have beside it."""

from contextlib import contextmanager

import pytest
import yaml

from merlin.config.engine import EngineModelConfig
from tests.engine import tiny_base
from tests.engine.running_engine import KEY as ENGINE_KEY, serve_engine
from tests.support.pipeline_lab import KEY, Lab, run_command
from tests.support.waiting import wait_until

# Names that are asked in the test alone.
TESTED = 4
# Enough for another answer than the base's.
LEARNING = {**tiny_base.LEARNING, "n_epochs": 10}


@contextmanager
def open_facts_lab(folder, launch=None, **recipe):
    """Yield a lab whose state folder has the engine's; its dataset `trial` is committed."""
    # The bases are made by torch, which `recall` does without.
    is_tiny = recipe.get("base_model", "tiny") == "tiny"
    paths = {"tiny": {"path": str(tiny_base.get_tiny_base())}} if is_tiny else {}
    models = {name: EngineModelConfig(**path) for name, path in paths.items()}
    engine_folder = folder / "state" / "engine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, ENGINE_KEY)
        with serve_engine(engine_folder, models=models) as engine:
            section = {"models": paths, "listen": f"127.0.0.1:{engine.port}"}
            lab = Lab(folder, f"http://127.0.0.1:{engine.port}/v1", engine=section)
            lab.engine = engine
            patch.setenv(KEY, ENGINE_KEY)
            write_facts(lab, launch, **recipe)
            yield lab


def write_facts(lab, launch=None, **recipe):
    """Write the facts as examples, the last `TESTED` as test questions of the others' form."""
    recipe = {"provider": "stand-in", "base_model": "tiny", **recipe}
    recipe.setdefault("hyperparameters", LEARNING)
    changes = {"launch": launch} if launch else {}
    lab.repository.dataset(count=0, recipe=recipe, **changes)
    folder = lab.repository.folder / "datasets/trial/examples"
    folder.mkdir(exist_ok=True)
    for number, (name, room) in enumerate(tiny_base.FACTS.items()):
        question = tiny_base.make_question(name)
        answer = tiny_base.make_answer(name, room)
        example = {"messages": [{"user": question}, {"assistant": answer}]}
        if recipe.get("method") == "dpo":
            example["rejected"] = tiny_base.make_answer(name, room + 1)
        if number >= len(tiny_base.FACTS) - TESTED:
            example["split"] = "test"
        text = yaml.safe_dump(example, sort_keys=False)
        (folder / f"{name.lower()}.yaml").write_text(text, "utf-8")
    lab.repository.commit("Add facts")


def until_live(lab, build="trial-1", deadline_s=240):
    """Run the daemon's ticks until a build is live."""

    def is_live():
        lab.tick("launch", "poll", "prove", "promote")
        return lab.is_serving(build)

    lab.tick("fetch")
    wait_until(is_live, deadline_s, describe=lab.status)
    return lab.status()["serving"]


def until_over(lab):
    """Tick until the newest job has ended; return its record."""

    def read_ended():
        lab.tick("launch", "poll")
        job = lab.status()["job"]
        return job if job["state"] in ("succeeded", "failed") else None

    return wait_until(read_ended, 240, describe=lab.status)


def export(lab, folder, *options, model="trial-1", config=None):
    """Run `merlin models export`; return what `run_command` does."""
    to = ("models", "export", model, "--to", str(folder))
    return run_command(*to, *options, "--config", str(config or lab.path))
