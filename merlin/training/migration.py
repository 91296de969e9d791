"""Train a dataset's newest build on another provider or base than its dataset.yaml names.

The verdict of the build trains anew, by the recipe of the other base; proof and promotion follow as
for any other job, and the model before serves until then. The wish that the commit stands for stays
that of dataset.yaml: a later commit that names the new base there finds the job that was made.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from merlin.config import Config
from merlin.core.errors import Refused
from merlin.dataset.builds import training_key
from merlin.dataset.verdicts import Verdict, VerdictStatus
from merlin.dataset.yaml_edit import edit_yaml, read_value
from merlin.training.launch_plan import Launches, spec_of


def parse_base(said: str) -> tuple[str, str]:
    """Return provider and base model of `PROVIDER/BASE`; a base may hold slashes.

    Raises Refused for what is none.
    """
    provider, _, base_model = said.partition("/")
    if not provider or not base_model or base_model.split() != [base_model]:
        raise Refused(f"{said!r} is no base", "migrate-form", said=said)
    return provider, base_model


def migrate_verdict(launches: Launches, verdict: Verdict, base: tuple[str, str]) -> Verdict:
    """Return the verdict as if its dataset.yaml named this provider and base model.

    Raises Refused while a job of it is under way.
    """
    if verdict.word is VerdictStatus.TRAINING or verdict.build_id is None:
        told = {"job": verdict.job_id, "dataset": verdict.dataset}
        raise Refused("a job is under way", "migrate-training", **told)
    spec, (provider, base_model) = spec_of(verdict), base
    recipe = replace(spec.recipe, provider=provider, base_model=base_model)
    digest = launches.build(verdict.build_id).digest
    wish = training_key(verdict.dataset, digest, recipe)
    return replace(verdict, wish=wish, spec=replace(spec, recipe=recipe))


def require_base(config: Config, base: tuple[str, str], listed: Collection[str]) -> None:
    """Raise Refused for a base that the provider neither lists nor has a price of its own for."""
    (name, base_model), provider = base, config.provider(base[0])
    if base_model not in {*listed, *(provider.prices if provider else ())}:
        told = {"provider": name, "model": base_model}
        raise Refused(f"{name} has no base {base_model}", "migrate-no-base", **told)


def name_base(text: str, base: tuple[str, str]) -> str | None:
    """Return a dataset.yaml that names another base, the rest of it as it was.

    None where that cannot be done entry by entry.
    """
    said = read_value("dataset", text)
    if said is None:
        return None
    recipe = {**said["recipe"], "provider": base[0], "base_model": base[1]}
    return edit_yaml("dataset", text, {**said, "recipe": recipe}, ())
