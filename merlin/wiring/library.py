"""Wiring of the library of bases: the configuration's words for pulling, listing and removing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from merlin.config import Config
from merlin.core.errors import NotFound
from merlin.engine.model_store import catalogue
from merlin.engine.model_store.catalogue import Devices, Entry
from merlin.engine.model_store.store import Progress
from merlin.engine.settings import ModelSettings
from merlin.wiring.engine import engine_folder, model_settings, training_settings


@dataclass(frozen=True)
class BaseModels:
    """The bases of one configuration."""

    config: Config

    @cached_property
    def models(self) -> Sequence[ModelSettings]:
        """Return every base that the configuration names."""
        return model_settings(self.config)

    @cached_property
    def devices(self) -> Devices:
        """Return where bases are trained and where they answer."""
        training = training_settings(self.config).devices[0][0]
        return Devices(training, self.config.engine.answering.device)

    @property
    def folder(self) -> Path:
        """Return the engine's folder."""
        return engine_folder(self.config)

    def named(self, names: Sequence[str]) -> Sequence[ModelSettings]:
        """Return the bases of these names, all where none is given. Raises NotFound."""
        by_name = {model.name: model for model in self.models}
        for name in names:
            if name not in by_name:
                told = {"name": name, "known": ", ".join(by_name) or "–"}
                raise NotFound(f"no base {name}", "library-unknown", **told)
        return [by_name[name] for name in names] if names else self.models

    def pull(self, model: ModelSettings, tell: Progress) -> tuple[Path, bool]:
        """Bring one base; return its folder and whether it had to be brought. See library.pull."""
        _, is_new = catalogue.pull(model, self.folder, tell)
        return catalogue.files_of(model, catalogue.library_of(self.folder)), is_new

    def listed(self, *, is_thorough: bool = False) -> Sequence[Entry]:
        """Return every base; see library.listed."""
        return list(
            catalogue.list_bases(self.models, self.folder, self.devices, is_thorough=is_thorough)
        )

    def remove(self, name: str, *, is_forced: bool) -> tuple[int, bool]:
        """Take one base away; see library.remove."""
        return catalogue.remove(name, self.models, self.folder, is_forced=is_forced)
