"""`merlin models export` and `add`: models of the engine that leave, and that arrive."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from merlin.app import model_card, models
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.model_card import ModelFacts
from merlin.cli.model_card import find_build, write_card
from merlin.cli.options import configuration, print_result, read_context
from merlin.cli.output import print_message
from merlin.config import Config, is_our_engine
from merlin.config.engine import EngineModelConfig
from merlin.core.errors import NotFound, Refused
from merlin.dataset.published import TESTS_FILE
from merlin.db.requests import Request
from merlin.engine.export import (
    ADAPTER,
    OLLAMA,
    StoredModel,
    find_stored,
    write_adapter,
    write_merged,
    write_recall,
    write_whole,
)
from merlin.engine.model_store import require_base_folder
from merlin.engine.trainers.base import Untrainable
from merlin.training.arrived import keep_adapter
from merlin.wiring.engine import engine_folder


def export_model(config: Path, name: str, form: str, to: Path, *, json: bool) -> None:
    """Write a model into a new folder in a form of `merlin.engine.export`, and print where.

    Raises NotFound, Refused; OSError if the disk refuses.
    """
    settings = configuration(config)
    with read_context(config) as (ctx, actor):
        facts = model_card.describe(ctx, actor, name)
    stored = find_stored(engine_folder(settings), facts.model.model)
    if stored is None:
        raise _refuse_foreign(settings, facts)
    print_message("export-begins", model=facts.model.title, folder=str(to))
    if stored.is_recall:
        fill = partial(_fill_recall, stored, form)
    else:
        fill = partial(_fill, settings, facts, stored, form)
    write_whole(to, fill)
    result = {"model": facts.model.model, "form": form, "folder": str(to)}
    print_result(
        result, f"export-done-{'recall' if stored.is_recall else form}", json=json
    )


def add_model(
    config: Path, dataset: str, folder: Path, build: str, base: str
) -> Callable[[Context, Actor], Request]:
    """Copy an adapter into the state folder; return the request that adds it.

    `build` "": as the card in the folder says. Raises Refused for a folder that is no adapter,
    OSError.
    """
    digest = keep_adapter(configuration(config).state_dir / "builds", folder)
    card_build = find_build(folder)
    return partial(
        models.add,
        dataset=dataset,
        digest=digest,
        build=build,
        card_build=card_build,
        base=base,
    )


def _refuse_foreign(settings: Config, facts: ModelFacts) -> Refused:
    """Return why a model that this machine's engine lacks cannot leave."""
    is_ours = is_our_engine(settings, settings.provider(facts.model.provider))
    key = "export-elsewhere" if is_ours else "export-hosted"
    named = {"model": facts.model.title, "provider": facts.model.provider}
    return Refused(f"{facts.model.model} is not in this engine", key, **named)


def _fill_recall(stored: StoredModel, form: str, folder: Path) -> None:
    if form != ADAPTER:
        raise Refused("recall has one form", "export-recall-form", form=form)
    write_recall(stored, folder)


def _fill(
    settings: Config, facts: ModelFacts, stored: StoredModel, form: str, folder: Path
) -> None:
    base, base_folder = _find_base(settings, stored)
    if form == ADAPTER:
        write_adapter(stored, base, base_folder, folder)
    else:
        print_message("export-merging", base=base.source)
        system = facts.build.system if form == OLLAMA else None
        device = settings.engine.training.device
        distance = write_merged(stored, base, base_folder, folder, device, system)
        print_message("export-compared", distance=round(distance, 3))
    (folder / TESTS_FILE).write_text(facts.tests, "utf-8")
    write_card(facts, form, base, base_folder, folder)


def _find_base(settings: Config, stored: StoredModel) -> tuple[EngineModelConfig, Path]:
    """Return a model's base and its folder. Raises NotFound, Refused."""
    base = settings.engine.models.get(stored.base)
    if base is None:
        raise NotFound(f"no base {stored.base}", "engine-base-gone", base=stored.base)
    try:
        return base, require_base_folder(stored.base, base, engine_folder(settings))
    except Untrainable as fault:
        raise Refused(str(fault), fault.key, **fault.arguments) from fault
